"""The boxes of a photo: the true ones, and those that a detector found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Truth:
    """The true boxes of a photo.

    Attributes:
        xyxy: (K, 4) float32 px.
        class_id: (K,) int64.
        ignore: (K,) bool; difficult ones and crowds are neither wanted nor wrong.
        size_wh: of the photo, px.
    """

    xyxy: NDArray[np.float32]
    class_id: NDArray[np.int64]
    ignore: NDArray[np.bool_]
    size_wh: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Found:
    """What a detector found in a photo, of every score that may matter.

    Attributes:
        xyxy: (N, 4) float32 px.
        score: (N,) float32, 0..1.
        class_id: (N,) int64.
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    class_id: NDArray[np.int64]
