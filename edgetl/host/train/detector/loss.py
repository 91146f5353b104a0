"""The loss of a detector: how far the scores are from each cell's quality, and how far its box is from the true one."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from edgetl.host.networks.untyped import Tensor
from edgetl.host.train.detector.assignment import assign
from edgetl.host.train.detector.box_ops import complete_iou, decode

_BOX_WEIGHT = 7.5
"""The missing overlap counts this many times as much as the scores' part, as is usual; at 2, boxes stay loose."""
_DISTRIBUTION_WEIGHT = 1.5
"""The distributions of the distances count this many times as much as the scores' part, as they usually do."""


class DetectionLoss(keras.losses.Loss):
    """The sum of three parts, each over all cells and divided by the cells' total quality.

    The parts are the binary cross-entropy of the scores against each cell's quality, the missing complete IoU, and the
    distribution focal loss of the distances (Li et al., "Generalized Focal Loss", 2020).

    Args:
        cells: (A, 2) float32, the cells' centres x, y, input px.
        strides: (A,) float32, the cells' strides, px.
        bins: the number of values for each distance.
    """

    def __init__(self, cells: NDArray[np.float32], strides: NDArray[np.float32], bins: int) -> None:
        super().__init__(name="detection", reduction="sum")
        self.cells, self.strides, self.bins = cells, strides, bins

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Returns the loss of a batch, a float32 scalar.

        Args:
            y_true: (N, M, 5) float32, class and xyxy in input px; the class is -1 in rows without a box.
            y_pred: (N, A, classes + 4 * bins) float32, logits and raw distances.
        """
        logits, raw = y_pred[..., : -4 * self.bins], y_pred[..., -4 * self.bins :]
        raw = ops.reshape(raw, (-1, len(self.cells), 4, self.bins))
        boxes = decode(raw, self.cells, self.strides)
        targets = assign(
            ops.stop_gradient(ops.sigmoid(logits)), ops.stop_gradient(boxes), self.cells, self.strides, y_true
        )
        scores, true, weight = (ops.stop_gradient(t) for t in (targets.scores, targets.boxes, targets.weight))
        classified = ops.sum(ops.softplus(logits) - logits * scores)
        placed = _BOX_WEIGHT * (1.0 - complete_iou(boxes, true)) + _DISTRIBUTION_WEIGHT * self._distribution(raw, true)
        return (classified + ops.sum(placed * weight)) / ops.maximum(ops.sum(weight), 1.0)

    def _distribution(self, raw: Tensor, true: Tensor) -> Tensor:
        """Returns the distribution focal loss of each cell, the mean over its edges.

        Args:
            raw: (N, A, 4, bins) float32, the logits.
            true: (N, A, 4) float32 xyxy, the true boxes, input px.

        Returns:
            (N, A) float32, 0 or more.
        """
        reach = ops.concatenate([self.cells - true[..., :2], true[..., 2:] - self.cells], axis=-1)
        reach = ops.clip(reach / self.strides[:, None], 0.0, self.bins - 1.0)
        # Each bin's share falls from 1 to 0 with its distance from the true one, so that two bins share the truth.
        share = ops.relu(1.0 - ops.abs(reach[..., None] - np.arange(self.bins, dtype=np.float32)))
        return ops.mean(ops.logsumexp(raw, axis=-1) - ops.sum(share * raw, axis=-1), axis=-1)
