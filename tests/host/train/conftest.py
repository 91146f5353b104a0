from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from once import trained_once


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
