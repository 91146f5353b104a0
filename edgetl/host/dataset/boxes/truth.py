"""The true boxes of a photo, and the boxes that a detector found in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Truth:
    """The true boxes of a photo.

    Attributes:
        xyxy: the boxes, (K, 4) float32 in px of the photo.
        class_id: the class of each box, (K,) int64.
        ignore: whether a box is difficult or a crowd, (K,) bool; finding such a box is neither right nor wrong.
        size_wh: width and height of the photo, px.
    """

    xyxy: NDArray[np.float32]
    class_id: NDArray[np.int64]
    ignore: NDArray[np.bool_]
    size_wh: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Found:
    """The boxes that a detector found in a photo.

    Attributes:
        xyxy: the boxes, (N, 4) float32 in px of the photo.
        score: the score of each box, (N,) float32, 0..1.
        class_id: the class of each box, (N,) int64.
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    class_id: NDArray[np.int64]
