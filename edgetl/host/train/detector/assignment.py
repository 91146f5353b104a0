"""Assigns true boxes to the cells of a detector (Feng et al., "TOOD: Task-aligned One-stage Detection", 2021)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from keras import ops
from numpy.typing import NDArray

from edgetl.host.networks.untyped import Tensor
from edgetl.host.train.detector.box_ops import iou_matrix

_MOST_CELLS = 10
"""A box is assigned to at most this many cells; the paper takes 13."""
_SCORE_POWER = 0.5
"""The power of the score in a cell's quality; the paper's alpha is 1."""
_IOU_POWER = 6.0
"""The power of the IoU in a cell's quality, the paper's beta: how well the box fits counts far more than its score."""
_LARGEST_SIDE = 8.0
"""A level's cells may have boxes with sides up to this many strides: of a larger box, the convolutions of that level
don't see all edges. The coarsest level may have any box."""
_TINY = 1e-9
"""This is added to qualities, 0..1, so that they can be ranked and divided by where all of them are 0."""
_LEAST_WEIGHT = 0.1
"""The best cell of a box has at least this weight, 0..1, however little its own box overlaps yet."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """The targets of A cells in N photos.

    Attributes:
        scores: (N, A, C) float32, 0..1; the quality in the column of the class if the cell has a box, else 0.
        boxes: (N, A, 4) float32 xyxy, input px; without meaning if `weight` is 0.
        weight: (N, A) float32, 0..1, the quality of the cell's own box; 0 if the cell is background.
    """

    scores: Tensor
    boxes: Tensor
    weight: Tensor


def assign(
    probabilities: Tensor, boxes: Tensor, cells: NDArray[np.float32], strides: NDArray[np.float32], truth: Tensor
) -> Assignment:
    """Assigns each true box to the cells that already find it best, by score^0.5 * IoU^6, at most ten of them.

    Args:
        probabilities: (N, A, C) float32, the predicted scores, 0..1.
        boxes: (N, A, 4) float32 xyxy, the predicted boxes, input px.
        cells: (A, 2) float32, the cells' centres x, y, input px.
        strides: (A,) float32, the cells' strides, px.
        truth: (N, M, 5) float32, class and xyxy in input px; the class is -1 in rows without a box.
    """
    classes = ops.cast(truth[..., 0], "int32")
    real = ops.cast(classes >= 0, probabilities.dtype)
    true_boxes = truth[..., 1:]
    iou = iou_matrix(true_boxes, boxes)
    columns = ops.transpose(ops.one_hot(ops.maximum(classes, 0), probabilities.shape[-1]), (0, 2, 1))
    scores = ops.transpose(ops.matmul(probabilities, columns), (0, 2, 1))
    inside = _inside(true_boxes, cells, strides) * real[..., None]
    quality = ops.power(scores + _TINY, _SCORE_POWER) * ops.power(iou, _IOU_POWER) * inside
    # A box that no cell finds yet gets its nearest cells; otherwise the first steps would learn nothing from it.
    rank = quality + _TINY * inside / (1.0 + _distance(true_boxes, cells))
    chosen = _best(rank, min(_MOST_CELLS, cells.shape[0])) * inside
    chosen = _undisputed(chosen, iou)
    return _targets(chosen, quality, iou, classes, true_boxes, probabilities.shape[-1])


def _inside(true_boxes: Tensor, cells: NDArray[np.float32], strides: NDArray[np.float32]) -> Tensor:
    """Finds the cells in each box: (N, M, A) float32, 1 if the cell's centre lies in the box, else 0.

    A cell of a level that is too fine for the box counts as outside. A box that is too small to contain a centre has
    the cell around its own centre.
    """
    x, y = cells[:, 0], cells[:, 1]
    x1, y1, x2, y2 = (true_boxes[..., k, None] for k in range(4))
    fits = (ops.maximum(x2 - x1, y2 - y1) <= _LARGEST_SIDE * strides) | (strides == strides[-1])
    in_box = (x > x1) & (x < x2) & (y > y1) & (y < y2) & fits
    near = (ops.abs(x - (x1 + x2) / 2) <= strides / 2) & (ops.abs(y - (y1 + y2) / 2) <= strides / 2)
    small = ops.minimum(x2 - x1, y2 - y1) < strides
    return ops.cast(in_box | (near & small), true_boxes.dtype)


def _distance(true_boxes: Tensor, cells: NDArray[np.float32]) -> Tensor:
    """Returns the distances from each box's centre to each cell's, (N, M, A) float32, px."""
    x = (true_boxes[..., 0] + true_boxes[..., 2])[..., None] / 2 - cells[:, 0]
    y = (true_boxes[..., 1] + true_boxes[..., 3])[..., None] / 2 - cells[:, 1]
    return ops.sqrt(x * x + y * y)


def _best(rank: Tensor, count: int) -> Tensor:
    """Marks the `count` cells of highest rank of each box: (N, M, A) float32, 1 or 0."""
    # The cells around a symmetric box tie; a slight preference for the first cells keeps the count exact.
    cells = rank.shape[-1]
    rank = rank * (1.0 - 1e-3 * ops.arange(cells, dtype=rank.dtype) / cells)
    lowest = ops.top_k(rank, count)[0][..., -1:]
    return ops.cast((rank >= lowest) & (rank > 0), rank.dtype)


def _undisputed(chosen: Tensor, iou: Tensor) -> Tensor:
    """Leaves each cell to one box: to the one that it overlaps most; (N, M, A) float32, 1 or 0."""
    overlap = iou * chosen + _TINY * chosen
    winner = ops.one_hot(ops.argmax(overlap, axis=1), chosen.shape[1], axis=1, dtype=chosen.dtype)
    return chosen * winner


def _targets(
    chosen: Tensor, quality: Tensor, iou: Tensor, classes: Tensor, true_boxes: Tensor, count: int
) -> Assignment:
    """Returns the targets of the chosen cells: the best cell of a box gets its IoU, the others a share of that."""
    quality = (quality + _TINY) * chosen
    best_quality = ops.max(quality, axis=2, keepdims=True)
    # No predicted box overlaps a large one well at first: without a least weight it would never be learned.
    best_iou = ops.maximum(ops.max(iou * chosen, axis=2, keepdims=True), _LEAST_WEIGHT)
    shares = quality / ops.maximum(best_quality, _TINY) * best_iou
    per_cell = ops.transpose(chosen, (0, 2, 1))
    hot = ops.one_hot(ops.maximum(classes, 0), count, dtype=chosen.dtype)
    weight = ops.sum(shares, axis=1)
    scores = ops.matmul(per_cell, hot) * weight[..., None]
    return Assignment(scores, ops.matmul(per_cell, true_boxes), weight)
