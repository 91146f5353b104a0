"""Turns a detector's raw outputs into Detections: decoding, non-maximum suppression and box voting."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from edgetl.card import ModelCard
from edgetl.vision.arrays import BoxesXyxy, ClassIds, Floats, Integers, Rows, Scores, TensorData
from edgetl.vision.box_decoder import BoxDecoder, nothing_found
from edgetl.vision.box_voting import LEAST_SHARE, vote
from edgetl.vision.distances import distance_reader
from edgetl.vision.filter import reaches
from edgetl.vision.quantized import FLOAT, Quantization, reader, sigmoid, smallest_passing
from edgetl.vision.results import Detections

CANDIDATES = 1000
"""At most this many boxes, the best ones, go into non-maximum suppression, which bounds its time."""


class Decoder(BoxDecoder):
    """Decodes a detector's two outputs, the logits and the distances of its cells; one stream and one thread use it.

    A cell gives at most one object, of the best class that passes its threshold.

    Args:
        card: the detector's card.
        logits: number format of the output of logits, (A, C).
        ltrb: number format of the output of raw distances, (A, 4 * bins).
        classes: columns of the classes to look for; None looks for all.
        agnostic: whether a box also suppresses boxes of other classes.
        slack: share of its threshold that an object must reach, 0..1; objects that reach the whole threshold are the
            same with any slack.

    Raises:
        ModelError: the card is of no detector, or the type of an output is unknown.
    """

    def __init__(
        self,
        card: ModelCard,
        logits: Quantization = FLOAT,
        ltrb: Quantization = FLOAT,
        *,
        classes: Collection[int] | None = None,
        agnostic: bool = False,
        slack: float = 1.0,
    ) -> None:
        super().__init__(card, classes, agnostic, slack)
        centres, sizes = grid(card.input.height, card.input.width, self.decoding.strides)
        self._cells = np.tile(centres, (1, 2))
        self._reach = sizes[:, None] * np.array((-1, -1, 1, 1), np.float32)  # a distance of 1 moves an edge so far
        self._sure = None if slack == 1 else smallest_passing(logits, self._whole_thresholds)
        self._score, self._distance = reader(logits, sigmoid), distance_reader(ltrb, self.decoding.bins)
        # In the output's full shape, because NumPy compares arrays of one shape many times as fast as it broadcasts.
        self._least = np.tile(smallest_passing(logits, self._thresholds), (len(self._cells), 1))
        self._passes = np.empty(self._least.shape, np.bool_)
        self._lowest = self._least.dtype.type(-np.inf if logits.dtype == "float32" else np.iinfo(logits.dtype).min)
        shapes = self._least.shape, (len(self._cells), 4 * self.decoding.bins)
        self._expected = (shapes[0], np.dtype(logits.dtype), shapes[1], np.dtype(ltrb.dtype))

    def __call__(self, logits: TensorData, ltrb: TensorData, size_wh: tuple[int, int]) -> Detections:
        """Decodes the outputs of one frame.

        The arrays may be the runtime's own memory, because nothing of them is used after the call.

        Args:
            logits: the output of logits, (A, C) or (1, A, C) float32, int8 or uint8; the cells are ordered by level,
                then by row.
            ltrb: the output of raw distances, (A, 4 * bins) or (1, A, 4 * bins) float32, int8 or uint8; the cells are
                in the same order.
            size_wh: width and height of the frame, px.

        Raises:
            ValueError: an array has another shape or type.
        """
        logits, ltrb = logits.reshape(-1, logits.shape[-1]), ltrb.reshape(-1, ltrb.shape[-1])
        self._check(logits, ltrb)
        rows, class_id, score = self._candidates(logits)
        if not len(rows):
            return nothing_found(size_wh)
        boxes = self._cells.take(rows, axis=0) + self._distance(ltrb[rows]) * self._reach.take(rows, axis=0)
        boxes, seen = self._in_frame(boxes, size_wh)
        if not seen.all():
            boxes, class_id, score = boxes[seen], class_id[seen], score[seen]
        found = self._suppressed(boxes, score, class_id)[: self.decoding.max_det]
        if self.decoding.vote_iou < 1 and len(found) < len(boxes):
            boxes[found] = self._voted(boxes, score, class_id, found)
        return self._detections(boxes, score, class_id, found, size_wh)

    def _voted(self, boxes: BoxesXyxy, score: Scores, class_id: ClassIds, found: Rows) -> BoxesXyxy:
        """Returns the found boxes, at K positions of N, placed by box voting, (K, 4) float32 xyxy, px of the frame."""
        # An object that reaches its whole threshold must not move with the slack, so only such boxes move it.
        own = score[found]
        least = np.maximum(LEAST_SHARE * own, np.minimum(self._whole_thresholds[class_id[found]], own))
        return vote(boxes, score, None if self._agnostic else class_id, found, self.decoding.vote_iou, least)

    def _candidates(self, logits: TensorData) -> tuple[Integers, ClassIds, Scores]:
        """Returns the cells that pass a threshold, in order, and the best class of each with its score."""
        rows = np.flatnonzero(np.greater_equal(logits, self._least, out=self._passes)) // logits.shape[1]
        if len(rows) > 1:  # several classes of a cell may pass
            rows = rows[np.concatenate(([True], rows[1:] != rows[:-1]))]
        passes = self._passes[rows]
        if self._sure is not None:  # a class that reaches its threshold goes before one that needs the slack
            sure = logits[rows] >= self._sure
            passes = np.where(sure.any(axis=1, keepdims=True), sure, passes)
        class_id = np.where(passes, logits[rows], self._lowest).argmax(axis=1)
        score = self._score(logits[rows, class_id])
        reached = reaches(score, class_id, self._thresholds)
        if not reached.all():
            rows, class_id, score = rows[reached], class_id[reached], score[reached]
        if len(rows) > CANDIDATES:
            # TensorData scores are often equal; argpartition would take any of them.
            chosen = np.sort(np.argsort(-score, kind="stable")[:CANDIDATES])
            rows, class_id, score = rows[chosen], class_id[chosen], score[chosen]
        return rows, class_id, score

    def _check(self, logits: TensorData, ltrb: TensorData) -> None:
        found = (logits.shape, logits.dtype, ltrb.shape, ltrb.dtype)
        if found != self._expected:
            text = "{} {} and {} {}"
            raise ValueError(f"the outputs are {text.format(*self._expected)}, got {text.format(*found)}")


def grid(height: int, width: int, strides: Sequence[int]) -> tuple[Floats, Floats]:
    """Returns the cells of a detector, ordered by level, then by row.

    Args:
        height: height of the input, px.
        width: width of the input, px.
        strides: distances of the cells in each level, px of the input.

    Returns:
        Centres of the cells, (A, 2) float32 x, y, px of the input, and their strides, (A,) float32, px of the input.
    """
    centres = []
    for stride in strides:
        y, x = np.mgrid[: -(-height // stride), : -(-width // stride)]
        centres.append((np.stack((x, y), axis=-1).reshape(-1, 2) + 0.5) * stride)
    sizes = np.repeat(strides, [len(level) for level in centres])
    return np.concatenate(centres).astype(np.float32), sizes.astype(np.float32)
