"""Turns the outputs of TensorFlow Lite's own detection post-processing, which ready-made SSDs have, into Detections."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from edgetl.card import ModelCard
from edgetl.vision.arrays import Floats
from edgetl.vision.box_decoder import BoxDecoder
from edgetl.vision.filter import reaches
from edgetl.vision.results import Detections


class PostprocessedDecoder(BoxDecoder):
    """Decodes the four outputs of a detector that ends with TensorFlow Lite's own `TFLite_Detection_PostProcess`.

    Args:
        card: the detector's card, of which the input, the thresholds and `max_det` are used.
        classes: columns of the classes to look for; None looks for all.
        again: whether boxes that the model left are suppressed once more, by the card's `iou`.
        agnostic: whether a box also suppresses boxes of other classes, with `again` only.
        slack: share of its threshold that an object must reach, 0..1.

    Raises:
        ModelError: the card is of no detector.
    """

    def __init__(
        self,
        card: ModelCard,
        *,
        classes: Collection[int] | None = None,
        again: bool = False,
        agnostic: bool = False,
        slack: float = 1.0,
    ) -> None:
        super().__init__(card, classes, agnostic, slack)
        self._again = again
        self._input_px = np.array((card.input.width, card.input.height) * 2, np.float32)

    def __call__(
        self, boxes: Floats, class_id: Floats, score: Floats, count: Floats, size_wh: tuple[int, int]
    ) -> Detections:
        """Decodes the outputs of one frame, which may have a batch axis of 1.

        Args:
            boxes: the boxes, (N, 4) float32 top, left, bottom, right, shares of the input's height and width.
            class_id: columns of the labels, (N,) float32; objects with other columns are left out.
            score: scores, (N,) float32, 0..1.
            count: number of the N objects that are valid, (1,) float32.
            size_wh: width and height of the frame, px.
        """
        valid = min(max(int(count.reshape(-1)[0]), 0), score.size)  # the numbers after these are undefined
        yxyx, score = boxes.reshape(-1, 4)[:valid], score.reshape(-1)[:valid]
        column = class_id.reshape(-1)[:valid].astype(np.int64)
        known = (column >= 0) & (column < len(self._thresholds))
        passes = known & reaches(score, np.where(known, column, 0), self._thresholds)
        xyxy, seen = self._in_frame(yxyx[:, [1, 0, 3, 2]] * self._input_px, size_wh)
        chosen = np.flatnonzero(passes & seen)
        chosen = chosen[np.argsort(-score[chosen], kind="stable")]
        if self._again:
            chosen = chosen[self._suppressed(xyxy[chosen], score[chosen], column[chosen])]
        return self._detections(xyxy, score, column, chosen, size_wh)
