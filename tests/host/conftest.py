from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from networks import build_small
from once import made_once, trained_once

# A device has no Keras, and runs what is left.
collect_ignore_glob = [] if importlib.util.find_spec("keras") else ["train/*", "convert/*"]

BOXED_SIDE = 160
"""The height and width of the drawn photos with boxes, px."""
CLASSES = ("circle", "square", "stripes")


def draw_shape(label: str, rng: np.random.Generator, size: int = 120) -> np.ndarray:
    """A (size, size, 3) uint8 photo of a shape on a speckled ground; no two look alike."""
    ground = rng.integers(20, 120, 3)
    coarse = rng.integers(-30, 30, (6, 6, 3)).astype(np.float32)
    photo = np.clip(ground + cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)
    colour = tuple(int(c) for c in rng.integers(140, 256, 3))
    x, y = (int(v) for v in rng.integers(size // 3, 2 * size // 3, 2))
    r = int(rng.integers(size // 6, size // 3))
    if label == "circle":
        cv2.circle(photo, (x, y), r, colour, -1)
    elif label == "square":
        cv2.rectangle(photo, (x - r, y - r), (x + r, y + r), colour, -1)
    else:
        for at in range(int(rng.integers(0, 12)), size, 16):
            cv2.line(photo, (at, 0), (at + int(rng.integers(-4, 5)), size), colour, 5)
    return photo


@pytest.fixture(scope="session")
def host_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store and a photo cache of the tests' own, for the whole session; yields the store's folder."""
    patch = pytest.MonkeyPatch()
    store = tmp_path_factory.mktemp("models")
    patch.setenv("EDGETL_MODELS", str(store))
    patch.setenv("EDGETL_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield store
    patch.undo()


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders of 16 drawn photos each."""

    def make(root: Path) -> None:
        rng = np.random.default_rng(5)
        for label in CLASSES:
            (root / label).mkdir()
            for i in range(16):
                cv2.imwrite(str(root / label / f"{i:02}.png"), draw_shape(label, rng))

    return made_once(tmp_path_factory, "shapes", make)


@pytest.fixture(scope="session")
def options(host_env: Path, shapes: Path) -> Any:
    """The quickest training that has both stages."""
    from edgetl.host.train.options import TrainOptions

    return TrainOptions(
        data=str(shapes),
        name="shapes",
        backbone="mobilenet_v1",
        alpha=0.25,
        size=96,
        weights="none",
        head_epochs=2,
        epochs=2,
        batch=16,
        batch_norm="train",
    )


@pytest.fixture(scope="session")
def train(options: Any) -> Callable[..., Any]:
    """Trains with `options`, changed as told; returns the stored model."""
    from edgetl.host.train import job

    def trained(name: str, **changes: Any) -> Any:
        return job.train(replace(options, name=name, **changes))

    return trained


@pytest.fixture(scope="session")
def shapes_model(train: Callable[..., Any], host_env: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A stored model, of a small backbone, that tells most shapes apart."""
    from edgetl.host.train.weights import backbones

    def make() -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backbones, "build", build_small)
            return train("told-apart", head_epochs=0, epochs=60, rate=1e-2, augment=0.0, dropout=0.0)

    return trained_once(tmp_path_factory, host_env, "told-apart", make)


@pytest.fixture(scope="session")
def shapes_data(shapes_model: Any) -> Any:
    """The data set that `shapes_model` was trained on, split as it was."""
    from edgetl.host.networks.stored import dataset_of

    return dataset_of(shapes_model.card)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every backbone a small one."""
    from edgetl.host.train.weights import backbones

    monkeypatch.setattr(backbones, "build", build_small)


@pytest.fixture(scope="session")
def straight(train: Callable[..., Any], host_env: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A stored model of a small backbone, whose training nothing interrupted."""
    from edgetl.host.train.weights import backbones

    def make() -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backbones, "build", build_small)
            return train("straight", epochs=3)

    return trained_once(tmp_path_factory, host_env, "straight", make)


@pytest.fixture(scope="session")
def boxes_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 drawn photos with one or two boxes each, except two without boxes, in train, val and test folders."""
    return made_once(tmp_path_factory, "rectangles", _draw_rectangles)


def _draw_rectangles(root: Path) -> None:
    import boxed  # it needs more libraries than a device has

    rng = np.random.default_rng(3)
    for i in range(40):
        part = "test" if i < 6 else "val" if i < 14 else "train"
        rows: list[boxed.Row] = []
        for k in range(0 if i in (20, 21) else 1 + i % 2):
            w, h = (int(v) for v in rng.integers(30, 60, 2))
            x, y = int(rng.integers(0, BOXED_SIDE // 2 - 30)) + k * BOXED_SIDE // 2, int(rng.integers(0, 120 - h))
            x = min(x, BOXED_SIDE - w)
            rows.append((list(boxed.COLOURS)[(i + k) % 3], x, y, x + w, y + h))
        boxed.put_voc(root / part / f"{i:02}.png", rows)


@pytest.fixture(scope="session")
def boxed_options(host_env: Path, boxes_folder: Path) -> Any:
    """The quickest training of a detector."""
    from edgetl.host.train.options import TrainOptions

    return TrainOptions(
        data=str(boxes_folder),
        name="boxes",
        backbone="mobilenet_v2",
        alpha=0.35,
        size=96,
        weights="none",
        strides=(8,),
        epochs=2,
        batch=4,
        patience=0,
    )
