from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An empty store and an empty cache for a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGETL_MODELS", str(tmp_path_factory.mktemp("models")))
        patch.setenv("EDGETL_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        yield


@pytest.fixture(scope="module")
def put_model(knowledge: None) -> Callable[..., Path]:
    """Puts a model with the starter's backbone into the store, as a training would leave it; returns its folder."""
    from edgetl import store
    from edgetl.card import Backbone, DatasetInfo, InputSpec, ModelCard
    from edgetl.host.train.weights import starter

    def put(name: str, *, photos: str = "elsewhere", backbone: str = "mobilenet_v2", shuffled: bool = False) -> Path:
        folder = store.root() / name
        folder.mkdir(parents=True)
        info = DatasetInfo(f"/{photos}" if "/" not in photos else photos, f"of {photos}", 30, 9)
        about = Backbone(backbone, 0.35, "starter")
        card = ModelCard(name, "classification", ("cat", "dog"), InputSpec(96, 96), backbone=about, dataset=info)
        (folder / "card.json").write_text(card.to_json())
        weights = folder / "weights.h5"
        shutil.copy(starter.weights_file(), weights)
        if shuffled:
            shuffle(weights)
        with zipfile.ZipFile(folder / "model.keras", "w") as archive:
            archive.write(weights, "model.weights.h5")
        weights.unlink()
        return folder

    return put


def shuffle(file: Path) -> None:
    """Exchanges the values within each kernel of a weights file: what the layers had learnt is gone."""
    rng = np.random.default_rng(0)
    with h5py.File(file, "r+") as content:

        def mix(name: str, item: h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset) and item.ndim == 4:
                item[...] = rng.permutation(item[...].ravel()).reshape(item.shape)

        content.visititems(mix)
