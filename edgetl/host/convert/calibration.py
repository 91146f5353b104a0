"""Draws the representative dataset: the training photos that a quantizing recipe is calibrated with."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgetl.vision.arrays import Image

FIRST_PHOTOS = 100
"""The first attempt of a quantizing recipe is calibrated with at most this many photos; ten to a hundred are enough for
classifiers and detectors alike."""

MORE_PHOTOS = 500
"""Later attempts, after the first missed the gate, are calibrated with at most this many photos."""


class CalibrationPhotos(Protocol):
    """The training photos that calibration draws from."""

    @property
    def classes(self) -> NDArray[np.int64]:
        """The class of each photo, (N,) int64; of a photo with boxes, the rarest class among them."""

    def __len__(self) -> int: ...

    def batch(self, positions: NDArray[np.int64]) -> Image:
        """Reads the model inputs at some positions, (B, H, W, 3) uint8."""


def representative_dataset(train: CalibrationPhotos, count: int, seed: int) -> Image:
    """Draws training photos as model inputs, evenly over the classes.

    Args:
        train: the training photos.
        count: the number of photos to draw; all are drawn if there are fewer.
        seed: the seed of the draw.

    Returns:
        (N, H, W, 3) uint8 model inputs.
    """
    rng = np.random.default_rng(seed)
    order, classes = rng.permutation(len(train)), train.classes
    turn: NDArray[np.int64] = np.zeros(len(train), np.int64)
    seen: dict[int, int] = {}
    for position in order.tolist():
        label = int(classes[position])
        turn[position] = seen[label] = seen.get(label, -1) + 1
    rounds = order[np.argsort(turn[order], kind="stable")]
    return train.batch(np.sort(rounds[:count]))
