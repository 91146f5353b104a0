"""A classifier of others' making as `edgetl convert --from` sees it, whatever kind of file it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.device.foreign import Scaling
from edgetl.host.untyped import Network
from edgetl.vision.preprocess import Image

PIXELS = Scaling()
"""Pixels as they are, 0..255."""

_BATCH = 64

Write = Callable[[Path, Scaling, bool], None]
"""Stores a model in a folder, given how pixels are scaled for it, and whether its outputs still want a softmax."""


@dataclass(frozen=True, slots=True)
class ForeignModel:
    """An opened classifier.

    Attributes:
        path: the file, or a SavedModel's folder.
        network: answers `predict_on_batch`, (N, H, W, 3) scaled float32 to (N, classes) float32.
        size: height and width of its input, px.
        classes: columns of its output.
        scaling: what it wants of pixels, where the file tells; else None.
        told: how the file tells, for people.
        step: what scores are rounded to multiples of; 0 where they are floats.
        write: see `Write`.
        inside: a scaling that was taken out of the network, and is to be done behind whatever `--scale` says.
    """

    path: Path
    network: Network
    size: tuple[int, int]
    classes: int
    scaling: Scaling | None
    told: str
    step: float
    write: Write
    inside: Scaling = PIXELS

    def predict(self, pixels: Image, scaling: Scaling) -> NDArray[np.float32]:
        """Returns what the model says, (N, classes) float32, of (N, H, W, 3) uint8 pixels."""
        rows = []
        mean, std = (np.array(values, np.float32) for values in (scaling.mean, scaling.std))
        for start in range(0, len(pixels), _BATCH):
            scaled = (pixels[start : start + _BATCH] - mean) / std
            rows.append(np.asarray(self.network.predict_on_batch(scaled), np.float32))
        return np.concatenate(rows)

    def gives_probabilities(self, scores: NDArray[np.float32]) -> bool:
        """Says whether (N, classes) scores are probabilities, which sum to one."""
        slack = 0.01 + self.step * scores.shape[1] / 2  # of many small ones, all may have been rounded down
        return bool(scores.min() >= 0 and np.abs(scores.sum(axis=1) - 1).max() <= slack)
