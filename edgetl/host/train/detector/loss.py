"""The loss of a detector: how far the scores are from each cell's quality, and how far its box is from the true one."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from edgetl.host.networks.untyped import Tensor
from edgetl.host.train.detector.assignment import assign
from edgetl.host.train.detector.box_ops import decode, giou

_BOX_WEIGHT = 2.0
"""The boxes' part of the loss counts this many times the scores' part, because few cells have a box."""


class DetectionLoss(keras.losses.Loss):
    """Binary cross-entropy of the scores against each cell's quality, plus twice the missing generalized IoU.

    Args:
        cells: (A, 2) float32, the cells' centres x, y, input px.
        strides: (A,) float32, the cells' strides, px.
    """

    def __init__(self, cells: NDArray[np.float32], strides: NDArray[np.float32]) -> None:
        super().__init__(name="detection", reduction="sum")
        self.cells, self.strides = cells, strides

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Returns the loss of a batch, a float32 scalar.

        Args:
            y_true: (N, M, 5) float32, class and xyxy in input px; the class is -1 in rows without a box.
            y_pred: (N, A, classes + 4) float32, logits and raw distances.
        """
        logits, distances = y_pred[..., :-4], y_pred[..., -4:]
        boxes = decode(distances, self.cells, self.strides)
        targets = assign(
            ops.stop_gradient(ops.sigmoid(logits)), ops.stop_gradient(boxes), self.cells, self.strides, y_true
        )
        total = ops.maximum(ops.sum(targets.weight), 1.0)
        scores = ops.stop_gradient(targets.scores)
        classified = ops.sum(ops.softplus(logits) - logits * scores)
        missing = 1.0 - giou(boxes, ops.stop_gradient(targets.boxes))
        return (classified + _BOX_WEIGHT * ops.sum(missing * ops.stop_gradient(targets.weight))) / total
