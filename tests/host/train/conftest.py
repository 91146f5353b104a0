from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boxed
import numpy as np
import pytest
from once import made_once, trained_once

SIDE = 160


@pytest.fixture(scope="session")
def boxes_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 drawn photos with one or two boxes each, except two without boxes, in train, val and test folders."""
    return made_once(tmp_path_factory, "rectangles", _draw_rectangles)


def _draw_rectangles(root: Path) -> None:
    rng = np.random.default_rng(3)
    for i in range(40):
        part = "test" if i < 6 else "val" if i < 14 else "train"
        rows: list[boxed.Row] = []
        for k in range(0 if i in (20, 21) else 1 + i % 2):
            w, h = (int(v) for v in rng.integers(30, 60, 2))
            x, y = int(rng.integers(0, SIDE // 2 - 30)) + k * SIDE // 2, int(rng.integers(0, 120 - h))
            x = min(x, SIDE - w)
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


@pytest.fixture(scope="session")
def train_boxes(boxed_options: Any) -> Callable[..., Any]:
    """Trains with `boxed_options` and changes to them on a small backbone; returns the stored model."""
    from networks import build_small

    from edgetl.host.train import job
    from edgetl.host.train.weights import backbones

    def trained(name: str, **changes: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backbones, "build", build_small)
            return job.train(replace(boxed_options, name=name, **changes))

    return trained


@pytest.fixture(scope="session")
def straight_boxes(train_boxes: Callable[..., Any], host_env: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A stored detector whose training nothing interrupted."""

    def make() -> Any:
        return train_boxes("straight-boxes", epochs=3)

    return trained_once(tmp_path_factory, host_env, "straight-boxes", make)


@pytest.fixture(scope="session")
def finding(train_boxes: Callable[..., Any], host_env: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A stored detector that finds most of the drawn rectangles."""

    def make() -> Any:
        return train_boxes("finding", epochs=40, batch=16, rate=1e-2, ema=0.9)

    return trained_once(tmp_path_factory, host_env, "finding", make)
