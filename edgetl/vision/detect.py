"""Turns a detector's raw outputs into Detections: decoding, then non-maximum suppression."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from edgetl.card import ModelCard
from edgetl.vision.arrays import BoxesXyxy, ClassIds, Floats, Integers, Mask, Quantized, Scores
from edgetl.vision.filter import class_thresholds, reaches
from edgetl.vision.letterbox import Placement, place
from edgetl.vision.nms import suppress
from edgetl.vision.quantized import FLOAT, Quantization, reader, sigmoid, smallest_passing, softplus
from edgetl.vision.results import Detections

CANDIDATES = 1000
"""At most this many boxes, the best ones, go into non-maximum suppression, which bounds its time."""
_UNREACHABLE = np.float32(np.inf)
"""A class that isn't looked for has this threshold, which no score reaches."""


class Decoder:
    """Decodes a detector's two outputs, the logits and the distances of its cells; one stream and one thread use it.

    A cell gives at most one object, of the best class that passes its threshold.

    Args:
        card: the detector's card.
        logits: number format of the output of logits, (A, C).
        ltrb: number format of the output of raw distances, (A, 4).
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
        self.decoding = card.detector
        self._spec = card.input
        self._labels = card.labels
        self._agnostic = agnostic
        centres, sizes = grid(card.input.height, card.input.width, self.decoding.strides)
        self._cells = np.tile(centres, (1, 2))
        self._reach = sizes[:, None] * np.array((-1, -1, 1, 1), np.float32)  # a distance of 1 moves an edge so far
        full = _per_class(self.decoding.thresholds, len(card.labels), classes)
        self._thresholds = full * np.float32(slack)
        self._sure = None if slack == 1 else smallest_passing(logits, full)
        self._score, self._distance = reader(logits, sigmoid), reader(ltrb, softplus)
        # In the output's full shape, because NumPy compares arrays of one shape many times as fast as it broadcasts.
        self._least = np.tile(smallest_passing(logits, self._thresholds), (len(self._cells), 1))
        self._passes = np.empty(self._least.shape, np.bool_)
        self._lowest = self._least.dtype.type(-np.inf if logits.dtype == "float32" else np.iinfo(logits.dtype).min)
        self._expected = (self._least.shape, np.dtype(logits.dtype), self._cells.shape, np.dtype(ltrb.dtype))
        self._frame_wh = (0, 0)
        self._placement = Placement(1.0, 1.0, 0.0, 0.0)

    def __call__(self, logits: Quantized, ltrb: Quantized, size_wh: tuple[int, int]) -> Detections:
        """Decodes the outputs of one frame.

        The arrays may be the runtime's own memory, because nothing of them is used after the call.

        Args:
            logits: the output of logits, (A, C) or (1, A, C) float32, int8 or uint8; the cells are ordered by level,
                then by row.
            ltrb: the output of raw distances, (A, 4) or (1, A, 4) float32, int8 or uint8, ordered in that way too.
            size_wh: width and height of the frame, px.

        Raises:
            ValueError: an array has another shape or type.
        """
        logits, ltrb = logits.reshape(-1, logits.shape[-1]), ltrb.reshape(-1, ltrb.shape[-1])
        self._check(logits, ltrb)
        if size_wh != self._frame_wh:
            self._frame_wh, self._placement = size_wh, place(size_wh[1], size_wh[0], self._spec)
        rows, class_id, score = self._candidates(logits)
        if not len(rows):
            return nothing_found(size_wh)
        boxes = self._cells.take(rows, axis=0) + self._distance(ltrb[rows]) * self._reach.take(rows, axis=0)
        boxes, seen = _within(self._placement.to_frame(boxes), size_wh)
        if not seen.all():
            boxes, class_id, score = boxes[seen], class_id[seen], score[seen]
        keep = suppress(boxes, score, None if self._agnostic else class_id, self.decoding.iou)
        keep = keep[: self.decoding.max_det]
        return _detections(boxes[keep], score[keep], class_id[keep], self._labels, size_wh)

    def _candidates(self, logits: Quantized) -> tuple[Integers, ClassIds, Scores]:
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
            # Quantized scores are often equal; argpartition would take any of them.
            chosen = np.sort(np.argsort(-score, kind="stable")[:CANDIDATES])
            rows, class_id, score = rows[chosen], class_id[chosen], score[chosen]
        return rows, class_id, score

    def _check(self, logits: Quantized, ltrb: Quantized) -> None:
        found = (logits.shape, logits.dtype, ltrb.shape, ltrb.dtype)
        if found != self._expected:
            text = "{} {} and {} {}"
            raise ValueError(f"the outputs are {text.format(*self._expected)}, got {text.format(*found)}")


class PostprocessedDecoder:
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
        self.decoding = card.detector
        self._spec = card.input
        self._labels = card.labels
        self._again = again
        self._agnostic = agnostic
        self._thresholds = _per_class(self.decoding.thresholds, len(card.labels), classes) * np.float32(slack)
        self._input_px = np.array((card.input.width, card.input.height) * 2, np.float32)
        self._frame_wh = (0, 0)
        self._placement = Placement(1.0, 1.0, 0.0, 0.0)

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
        if size_wh != self._frame_wh:
            self._frame_wh, self._placement = size_wh, place(size_wh[1], size_wh[0], self._spec)
        valid = min(max(int(count.reshape(-1)[0]), 0), score.size)  # the numbers after these are undefined
        yxyx, score = boxes.reshape(-1, 4)[:valid], score.reshape(-1)[:valid]
        column = class_id.reshape(-1)[:valid].astype(np.int64)
        known = (column >= 0) & (column < len(self._thresholds))
        passes = known & reaches(score, np.where(known, column, 0), self._thresholds)
        xyxy, seen = _within(self._placement.to_frame(yxyx[:, [1, 0, 3, 2]] * self._input_px), size_wh)
        chosen = np.flatnonzero(passes & seen)
        chosen = chosen[np.argsort(-score[chosen], kind="stable")]
        if self._again:
            classes = None if self._agnostic else column[chosen]
            chosen = chosen[suppress(xyxy[chosen], score[chosen], classes, self.decoding.iou)]
        chosen = chosen[: self.decoding.max_det]
        return _detections(xyxy[chosen], score[chosen], column[chosen], self._labels, size_wh)


def nothing_found(size_wh: tuple[int, int]) -> Detections:
    """Returns the result of a frame without any object.

    Args:
        size_wh: width and height of the frame, px.
    """
    none = np.empty(0, np.float32)
    return _detections(np.empty((0, 4), np.float32), none, np.empty(0, np.int64), (), size_wh)


def _within(xyxy: BoxesXyxy, size_wh: tuple[int, int]) -> tuple[BoxesXyxy, Mask]:
    """Returns the boxes clipped to the frame, and whether each of them has an area there, (N,) bool."""
    boxes = np.minimum(np.maximum(xyxy, np.float32(0)), np.array(size_wh * 2, np.float32))
    return boxes, (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])


def _detections(
    xyxy: BoxesXyxy, score: Scores, class_id: ClassIds, labels: tuple[str, ...], size_wh: tuple[int, int]
) -> Detections:
    return Detections(xyxy, score, class_id, tuple(labels[i] for i in class_id.tolist()), size_wh)


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


def _per_class(thresholds: tuple[float, ...], count: int, classes: Collection[int] | None) -> Floats:
    """Returns the thresholds of the C classes, (C,) float32; those of classes not looked for can't be reached."""
    shown = range(count) if classes is None else classes
    return np.where(np.isin(np.arange(count), list(shown)), class_thresholds(thresholds, count), _UNREACHABLE)
