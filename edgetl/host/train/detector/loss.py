"""What a detector is told: soft scores for the cells that see a box, and how far that box is off."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from edgetl.host.networks.untyped import Tensor
from edgetl.host.train.detector.assignment import assign
from edgetl.host.train.detector.box_ops import decode, giou

_BOX_WEIGHT = 2.0


class DetectionLoss(keras.losses.Loss):
    """Binary cross-entropy against each cell's quality, and twice the generalized IoU missing from its box.

    Args:
        cells: (A, 2) centres, input px.
        strides: (A,) px.
    """

    def __init__(self, cells: NDArray[np.float32], strides: NDArray[np.float32]) -> None:
        super().__init__(name="detection", reduction="sum")
        self.cells, self.strides = cells, strides

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Returns a batch's loss, a scalar.

        Args:
            y_true: (N, M, 5) class and xyxy in input px; class -1 where there is no box.
            y_pred: (N, A, classes + 4) logits and raw distances.
        """
        logits, distances = y_pred[..., :-4], y_pred[..., -4:]
        boxes = decode(distances, self.cells, self.strides)
        wanted = assign(
            ops.stop_gradient(ops.sigmoid(logits)), ops.stop_gradient(boxes), self.cells, self.strides, y_true
        )
        total = ops.maximum(ops.sum(wanted.weight), 1.0)
        scores = ops.stop_gradient(wanted.scores)
        classified = ops.sum(ops.softplus(logits) - logits * scores)
        missing = 1.0 - giou(boxes, ops.stop_gradient(wanted.boxes))
        return (classified + _BOX_WEIGHT * ops.sum(missing * ops.stop_gradient(wanted.weight))) / total
