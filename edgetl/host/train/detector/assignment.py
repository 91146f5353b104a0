"""Which cells of a detector are to see which box: Feng et al., "TOOD: Task-aligned One-stage Detection", 2021."""

from __future__ import annotations

from dataclasses import dataclass

from keras import ops

from edgetl.host.networks.untyped import Tensor
from edgetl.host.train.detector.box_ops import iou_matrix

_MOST_CELLS = 10
_SCORE_POWER = 0.5
_IOU_POWER = 6.0
_TINY = 1e-9
_LEAST_WEIGHT = 0.1
"""Of the best cell of a box, however little it overlaps yet."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What each of A cells should say, for N pictures.

    Attributes:
        scores: (N, A, C) 0..1; the class's quality where the cell is to find a box, else 0.
        boxes: (N, A, 4) xyxy, input px; of no meaning where `weight` is 0.
        weight: (N, A) the quality of the cell's own box, 0 where it is background.
    """

    scores: Tensor
    boxes: Tensor
    weight: Tensor


def assign(probabilities: Tensor, boxes: Tensor, cells: Tensor, strides: Tensor, truth: Tensor) -> Assignment:
    """Gives each true box the cells that already find it best: score^0.5 x IoU^6, ten at most.

    Args:
        probabilities: (N, A, C) 0..1, predicted.
        boxes: (N, A, 4) xyxy, input px, predicted.
        cells: (A, 2) centres x, y, input px.
        strides: (A,) px.
        truth: (N, M, 5) class and xyxy in input px; the class is -1 in rows that stand for nothing.
    """
    classes = ops.cast(truth[..., 0], "int32")
    real = ops.cast(classes >= 0, probabilities.dtype)
    true_boxes = truth[..., 1:]
    iou = iou_matrix(true_boxes, boxes)
    columns = ops.transpose(ops.one_hot(ops.maximum(classes, 0), probabilities.shape[-1]), (0, 2, 1))
    likely = ops.transpose(ops.matmul(probabilities, columns), (0, 2, 1))
    inside = _inside(true_boxes, cells, strides) * real[..., None]
    quality = ops.power(likely + _TINY, _SCORE_POWER) * ops.power(iou, _IOU_POWER) * inside
    # A box that nothing finds yet still gets its nearest cells: the start would teach it nothing otherwise.
    rank = quality + _TINY * inside / (1.0 + _distance(true_boxes, cells))
    chosen = _best(rank, min(_MOST_CELLS, cells.shape[0])) * inside
    chosen = _undisputed(chosen, iou)
    return _targets(chosen, quality, iou, classes, true_boxes, probabilities.shape[-1])


def _inside(true_boxes: Tensor, cells: Tensor, strides: Tensor) -> Tensor:
    """(N, M, A) 1 where a cell's centre lies in a box, or a box too small to hold one lies in the cell."""
    x, y = cells[:, 0], cells[:, 1]
    x1, y1, x2, y2 = (true_boxes[..., k, None] for k in range(4))
    in_box = (x > x1) & (x < x2) & (y > y1) & (y < y2)
    near = (ops.abs(x - (x1 + x2) / 2) <= strides / 2) & (ops.abs(y - (y1 + y2) / 2) <= strides / 2)
    small = ops.minimum(x2 - x1, y2 - y1) < strides
    return ops.cast(in_box | (near & small), true_boxes.dtype)


def _distance(true_boxes: Tensor, cells: Tensor) -> Tensor:
    """(N, M, A) from each box's centre to each cell's, in px."""
    x = (true_boxes[..., 0] + true_boxes[..., 2])[..., None] / 2 - cells[:, 0]
    y = (true_boxes[..., 1] + true_boxes[..., 3])[..., None] / 2 - cells[:, 1]
    return ops.sqrt(x * x + y * y)


def _best(rank: Tensor, count: int) -> Tensor:
    """(N, M, A) 1 for the `count` cells of highest rank of each box."""
    # Symmetric boxes tie; a slight preference for the first cells keeps the count.
    cells = rank.shape[-1]
    rank = rank * (1.0 - 1e-3 * ops.arange(cells, dtype=rank.dtype) / cells)
    lowest = ops.top_k(rank, count)[0][..., -1:]
    return ops.cast((rank >= lowest) & (rank > 0), rank.dtype)


def _undisputed(chosen: Tensor, iou: Tensor) -> Tensor:
    """Leaves a cell that several boxes chose to the one it overlaps most."""
    overlap = iou * chosen + _TINY * chosen
    winner = ops.one_hot(ops.argmax(overlap, axis=1), chosen.shape[1], axis=1, dtype=chosen.dtype)
    return chosen * winner


def _targets(
    chosen: Tensor, quality: Tensor, iou: Tensor, classes: Tensor, true_boxes: Tensor, count: int
) -> Assignment:
    """What the chosen cells should say: the best of a box its IoU, the others their share of it."""
    quality = (quality + _TINY) * chosen
    best_quality = ops.max(quality, axis=2, keepdims=True)
    # Nothing overlaps well with a large box before anything is learnt: without a least weight nothing would ever be.
    best_iou = ops.maximum(ops.max(iou * chosen, axis=2, keepdims=True), _LEAST_WEIGHT)
    wanted = quality / ops.maximum(best_quality, _TINY) * best_iou
    per_cell = ops.transpose(chosen, (0, 2, 1))
    hot = ops.one_hot(ops.maximum(classes, 0), count, dtype=chosen.dtype)
    weight = ops.sum(wanted, axis=1)
    scores = ops.matmul(per_cell, hot) * weight[..., None]
    return Assignment(scores, ops.matmul(per_cell, true_boxes), weight)
