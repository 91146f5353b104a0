"""Which boxes of two results are the same object."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgetl.vision.letterbox import Boxes

SAME_IOU = 0.9
"""Two boxes of a class that overlap by so much are the same object, seen the same way."""


def iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Returns (K, N) intersection over union of (K, 4) with (N, 4) xyxy boxes; NaN where a side is NaN."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = (high - low).clip(0).prod(axis=2, dtype=np.float64)
    areas = [(boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1, dtype=np.float64) for boxes in (a, b)]
    return np.asarray(both / np.maximum(areas[0][:, None] + areas[1] - both, 1e-9))


def pair(
    a: Boxes, a_class: NDArray[np.int64], b: Boxes, b_class: NDArray[np.int64], least_iou: float = SAME_IOU
) -> NDArray[np.int64]:
    """Pairs the boxes of two results one to one.

    Args:
        a: (K, 4) xyxy, best score first: the better one chooses first.
        a_class: (K,) only boxes of one class are paired.
        b: (N, 4) xyxy.
        b_class: (N,)
        least_iou: of a pair.

    Returns:
        (K,) each one's partner among the N; -1 for none.
    """
    partners = np.full(len(a), -1, np.int64)
    if not len(b):
        return partners
    overlap = np.where(a_class[:, None] == b_class[None], iou(a, b), -1.0)
    for i in range(len(a)):
        best = int(overlap[i].argmax())
        if overlap[i, best] >= least_iou:
            partners[i] = best
            overlap[:, best] = -1.0
    return partners
