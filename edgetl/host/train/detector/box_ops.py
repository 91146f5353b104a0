"""Computes with boxes as tensors, on any Keras backend: from raw distances to corners, IoU and complete IoU."""

from __future__ import annotations

import math

import numpy as np
from keras import ops
from numpy.typing import NDArray

from edgetl.host.networks.untyped import Tensor

_TINY = 1e-7
"""This is added to areas, px², so that boxes without an area divide by no zero."""


def decode(raw: Tensor, cells: NDArray[np.float32], strides: NDArray[np.float32]) -> Tensor:
    """Turns raw distances into boxes.

    Args:
        raw: (N, A, 4, bins) float32, the logits of the distances 0, 1 … bins - 1, in strides, to left, top, right and
            bottom.
        cells: (A, 2) float32, the cells' centres x, y, input px.
        strides: (A,) float32, the cells' strides, px.

    Returns:
        (N, A, 4) float32 xyxy, input px.
    """
    reach = ops.matmul(ops.softmax(raw), np.arange(raw.shape[-1], dtype=np.float32)[:, None])[..., 0] * strides[:, None]
    return ops.concatenate([cells - reach[..., :2], cells + reach[..., 2:]], axis=-1)


def iou_matrix(a: Tensor, b: Tensor) -> Tensor:
    """Computes the intersection over union of every pair of boxes.

    Args:
        a: (N, M, 4) float32 xyxy, px.
        b: (N, A, 4) float32 xyxy, px.

    Returns:
        The overlaps, (N, M, A) float32, 0..1.
    """
    a, b = a[:, :, None], b[:, None]
    both = _area(ops.maximum(a[..., :2], b[..., :2]), ops.minimum(a[..., 2:], b[..., 2:]))
    either = _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - both
    return both / (either + _TINY)


def complete_iou(a: Tensor, b: Tensor) -> Tensor:
    """Computes the complete IoU of boxes with their partners (Zheng et al., "Distance-IoU Loss", 2020).

    It is the IoU, less the distance of the centres and the difference of the aspect ratios.

    Args:
        a: (…, 4) float32 xyxy, px.
        b: (…, 4) float32 xyxy, px, the partners in the same order; no gradient flows through them.

    Returns:
        The overlaps, (…,) float32, at most 1.
    """
    both = _area(ops.maximum(a[..., :2], b[..., :2]), ops.minimum(a[..., 2:], b[..., 2:]))
    iou = both / (_area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - both + _TINY)
    hull = ops.maximum(a[..., 2:], b[..., 2:]) - ops.minimum(a[..., :2], b[..., :2])
    apart = (a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2
    distance = ops.sum(apart * apart, axis=-1) / (ops.sum(hull * hull, axis=-1) + _TINY)
    shape = ops.square(_slope(a) - _slope(b)) * (4 / math.pi**2)
    weight = ops.stop_gradient(shape / (1.0 - iou + shape + _TINY))
    return iou - distance - weight * shape


def _slope(boxes: Tensor) -> Tensor:
    """Returns the angle, (…,) rad, of the diagonal of boxes (…, 4) xyxy, px."""
    return ops.arctan((boxes[..., 2] - boxes[..., 0]) / (boxes[..., 3] - boxes[..., 1] + _TINY))


def _area(low: Tensor, high: Tensor) -> Tensor:
    """Returns the areas (…,), px², between (…, 2) upper left and (…, 2) lower right corners; 0 if these are swapped."""
    side = ops.maximum(high - low, 0.0)
    return side[..., 0] * side[..., 1]
