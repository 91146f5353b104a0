"""Computes with boxes as tensors, on any Keras backend: from raw distances to corners, IoU and generalized IoU."""

from __future__ import annotations

import numpy as np
from keras import ops
from numpy.typing import NDArray

from edgetl.host.networks.untyped import Tensor

_TINY = 1e-7
"""This is added to areas, px², so that boxes without an area divide by no zero."""


def decode(distances: Tensor, cells: NDArray[np.float32], strides: NDArray[np.float32]) -> Tensor:
    """Turns raw distances into boxes.

    Args:
        distances: (N, A, 4) float32, raw distances to left, top, right and bottom; their softplus is in strides.
        cells: (A, 2) float32, the cells' centres x, y, input px.
        strides: (A,) float32, the cells' strides, px.

    Returns:
        (N, A, 4) float32 xyxy, input px.
    """
    reach = ops.softplus(distances) * strides[:, None]
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


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Computes the generalized IoU of boxes with their partners (Rezatofighi et al., 2019).

    Args:
        a: (…, 4) float32 xyxy, px.
        b: (…, 4) float32 xyxy, px, the partners in the same order.

    Returns:
        The generalized overlaps, (…,) float32, -1..1.
    """
    both = _area(ops.maximum(a[..., :2], b[..., :2]), ops.minimum(a[..., 2:], b[..., 2:]))
    either = _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - both
    hull = _area(ops.minimum(a[..., :2], b[..., :2]), ops.maximum(a[..., 2:], b[..., 2:]))
    return both / (either + _TINY) - (hull - either) / (hull + _TINY)


def _area(low: Tensor, high: Tensor) -> Tensor:
    """Returns the areas (…,), px², between (…, 2) upper left and (…, 2) lower right corners; 0 if these are swapped."""
    side = ops.maximum(high - low, 0.0)
    return side[..., 0] * side[..., 1]
