"""Matches the boxes of two results: the overlap of boxes, and the pairs that are the same object."""

from __future__ import annotations

import numpy as np

from edgetl.vision.arrays import BoxesXyxy, ClassIds, Doubles, Integers

SAME_IOU = 0.9
"""Two boxes of a class with this intersection over union, 0..1, or more count as one object: they are nearly equal."""


def iou(a: BoxesXyxy | Doubles, b: BoxesXyxy | Doubles) -> Doubles:
    """Computes the intersection over union of each box of one array with each box of another.

    Args:
        a: (K, 4) float32 or float64 boxes, left, top, right, bottom, px.
        b: (N, 4) float32 or float64 boxes, left, top, right, bottom, px.

    Returns:
        Intersection over union, (K, N) float64, 0..1; NaN if a coordinate is NaN.
    """
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = (high - low).clip(0).prod(axis=2, dtype=np.float64)
    areas = [(boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1, dtype=np.float64) for boxes in (a, b)]
    return np.asarray(both / np.maximum(areas[0][:, None] + areas[1] - both, 1e-9))


def pair(a: BoxesXyxy, a_class: ClassIds, b: BoxesXyxy, b_class: ClassIds, min_iou: float = SAME_IOU) -> Integers:
    """Pairs the boxes of two results one to one; only boxes of the same class are paired.

    Args:
        a: (K, 4) float32 boxes, left, top, right, bottom, px; ordered by score, as the better one chooses first.
        a_class: classes of these boxes, (K,) int64.
        b: (N, 4) float32 boxes, left, top, right, bottom, px.
        b_class: classes of these boxes, (N,) int64.
        min_iou: smallest intersection over union of a pair, 0..1.

    Returns:
        The position in `b` of each partner, (K,) int64; -1 for a box without a partner.
    """
    partners = np.full(len(a), -1, np.int64)
    if not len(b):
        return partners
    overlap = np.where(a_class[:, None] == b_class[None], iou(a, b), -1.0)
    for i in range(len(a)):
        best = int(overlap[i].argmax())
        if overlap[i, best] >= min_iou:
            partners[i] = best
            overlap[:, best] = -1.0
    return partners
