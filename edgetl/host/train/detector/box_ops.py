"""Boxes as tensors: from raw distances to corners, and how well they overlap; on any Keras backend."""

from __future__ import annotations

from keras import ops

from edgetl.host.networks.untyped import Tensor

_TINY = 1e-7


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
