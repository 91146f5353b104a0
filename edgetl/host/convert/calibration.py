"""What a quantizing recipe is calibrated with, whatever the runtime."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgetl.vision.arrays import Image

FIRST_PHOTOS = 100
"""Of a detector's, too, ten to a hundred suffice."""
MORE_PHOTOS = 500


class Representative(Protocol):
    """Photos to calibrate with."""

    @property
    def classes(self) -> NDArray[np.int64]:
        """(N,) what they are balanced by: their classes, of photos with boxes the rarest in each."""

    def __len__(self) -> int: ...

    def batch(self, positions: NDArray[np.int64]) -> Image:
        """Reads the model inputs at some positions, (B, height, width, 3) uint8."""


def representative(train: Representative, count: int, seed: int) -> Image:
    """Returns (N, H, W, 3) uint8 training inputs, as many of each class as there are, up to `count` in all."""
    rng = np.random.default_rng(seed)
    order, classes = rng.permutation(len(train)), train.classes
    turn: NDArray[np.int64] = np.zeros(len(train), np.int64)
    seen: dict[int, int] = {}
    for position in order.tolist():
        label = int(classes[position])
        turn[position] = seen[label] = seen.get(label, -1) + 1
    rounds = order[np.argsort(turn[order], kind="stable")]
    return train.batch(np.sort(rounds[:count]))
