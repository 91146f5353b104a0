"""A model of the store together with its Keras file and the data set it was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgetl import store
from edgetl.card import InputSpec, ModelCard
from edgetl.errors import DatasetError, ModelError
from edgetl.host.backend import import_keras
from edgetl.host.dataset.load import Dataset, Photos, load_dataset
from edgetl.host.dataset.load_boxed import BoxedDataset, load_boxed
from edgetl.host.progress import console
from edgetl.host.untyped import Network
from edgetl.quiet import quiet_output

D_co = TypeVar("D_co", Dataset, BoxedDataset, covariant=True)


def dataset_of(card: ModelCard, data: str | None = None) -> Dataset:
    """Opens the class folders that a classifier was trained on, split as they were then.

    Args:
        card: of the model.
        data: the folder, where it has moved.

    Raises:
        ModelError: the card doesn't name a data set.
        DatasetError: the photos are gone, or have changed.
    """
    return _unchanged(card, data, load_dataset)


def boxed_dataset_of(card: ModelCard, data: str | None = None) -> BoxedDataset:
    """Opens the photos with boxes that a detector was trained on; see `dataset_of`."""
    return _unchanged(card, data, load_boxed)


class _Load(Protocol[D_co]):
    """`load_dataset` or `load_boxed`."""

    def __call__(self, root: Path, spec: InputSpec, *, val_fraction: float, seed: int) -> D_co: ...


def _unchanged(card: ModelCard, data: str | None, load: _Load[D_co]) -> D_co:
    if card.dataset is None:
        raise ModelError("the model's card names no data set", where=card.name, remedy="name one with --data")
    info = card.dataset
    folder = Path(data or info.path)
    found = load(folder, card.input, val_fraction=info.val_fraction, seed=info.seed)
    if (found.info.fingerprint, found.info.split) != (info.fingerprint, info.split):
        raise DatasetError(
            "the photos have changed since the model was trained: its validation photos are no longer known",
            where=str(folder),
            remedy="bring them back, or train again; `edgetl convert` takes a folder that moved with --data",
        )
    return found


def warn_of_learnt_photos(card: ModelCard) -> None:
    """Says that photos to measure on may be those that a model learnt from, since they can't be told apart."""
    told = f"warning: {card.name} was trained on photos of these classes, and these may be among them: "
    console.print(told + "its validation split is not known here, and what was learnt by heart looks too good")


def load_keras(stored: store.StoredModel) -> Network:
    """Loads a model's Keras file.

    Raises:
        ModelError: the file is missing or damaged.
    """
    import_keras()
    import keras

    try:
        with quiet_output():
            return keras.saving.load_model(stored.weights, compile=False)
    except Exception as error:  # Keras raises whatever its zip, JSON and HDF5 readers do
        what = f"the Keras model can't be loaded: {(str(error).splitlines() or [''])[0]}"
        raise ModelError(what, where=str(stored.weights), remedy="train it again") from error


def predict(model: Network, photos: Photos) -> NDArray[np.float32]:
    """Returns a classifier's (N, classes) float32 probabilities of N photos."""
    starts = range(0, len(photos), 64)
    return np.concatenate([model.predict_on_batch(photos.batch(slice(s, s + 64))) for s in starts])
