"""Boxes as tensors: from raw distances to corners, and how well they overlap; on any Keras backend."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from keras import ops
from numpy.typing import NDArray

from edgetl.host.untyped import Tensor

_TINY = 1e-7


def grid(height: int, width: int, strides: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lists a detector's cells, level by level, row by row.

    Args:
        height: of the input, px.
        width: of the input, px.
        strides: of the levels, px.

    Returns:
        (A, 2) centres x, y in input px, and (A,) strides.
    """
    centres, sizes = [], []
    for stride in strides:
        y, x = np.mgrid[0 : math.ceil(height / stride), 0 : math.ceil(width / stride)]
        centres.append((np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) * stride)
        sizes.append(np.full(x.size, stride))
    return np.concatenate(centres).astype(np.float32), np.concatenate(sizes).astype(np.float32)


def decode(distances: Tensor, cells: Tensor, strides: Tensor) -> Tensor:
    """Turns raw distances into boxes.

    Args:
        distances: (N, A, 4) raw; softplus of them is in strides.
        cells: (A, 2) centres, input px.
        strides: (A,) px.

    Returns:
        (N, A, 4) xyxy, input px.
    """
    reach = ops.softplus(distances) * strides[:, None]
    return ops.concatenate([cells - reach[..., :2], cells + reach[..., 2:]], axis=-1)


def iou_matrix(a: Tensor, b: Tensor) -> Tensor:
    """Returns (N, M, A) intersection over union of (N, M, 4) with (N, A, 4) xyxy boxes."""
    a, b = a[:, :, None], b[:, None]
    both = _area(ops.maximum(a[..., :2], b[..., :2]), ops.minimum(a[..., 2:], b[..., 2:]))
    either = _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - both
    return both / (either + _TINY)


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Returns (…,) generalized IoU, -1..1, of (…, 4) xyxy boxes: Rezatofighi et al., 2019."""
    both = _area(ops.maximum(a[..., :2], b[..., :2]), ops.minimum(a[..., 2:], b[..., 2:]))
    either = _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - both
    hull = _area(ops.minimum(a[..., :2], b[..., :2]), ops.maximum(a[..., 2:], b[..., 2:]))
    return both / (either + _TINY) - (hull - either) / (hull + _TINY)


def _area(low: Tensor, high: Tensor) -> Tensor:
    side = ops.maximum(high - low, 0.0)
    return side[..., 0] * side[..., 1]
