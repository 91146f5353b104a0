"""A detector's raw outputs to Detections: decode, then non-maximum suppression."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgetl.card import ModelCard
from edgetl.vision.arrays import BoxesXyxy
from edgetl.vision.filter import class_thresholds, reaches
from edgetl.vision.letterbox import Placement, place
from edgetl.vision.quantized import FLOAT, Floats, Quantization, least, reader, sigmoid, softplus
from edgetl.vision.results import Detections

CANDIDATES = 1000
"""At most so many boxes go into non-maximum suppression, the best ones."""
_NEVER = np.float32(np.inf)
"""The threshold that no score reaches."""


class Decoder:
    """Reads a detector's two outputs; one stream each, from one thread.

    A cell tells of one object at most: that of its best class among those that pass.

    Args:
        card: of the detector.
        logits: how the output of logits (A, C) is to be read.
        ltrb: how the output of raw distances (A, 4) is to be read.
        classes: columns to look for; None looks for all.
        agnostic: suppress a box that overlaps with a better one of another class, too.
        slack: give objects from this share of their threshold on, 0..1; those that reach it stay as they are.

    Raises:
        ModelError: the card is no detector's, or an output's type is not known.
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
        self._reach = sizes[:, None] * np.array((-1, -1, 1, 1), np.float32)  # what a distance of 1 adds
        full = _per_class(self.decoding.thresholds, len(card.labels), classes)
        self._thresholds = full * np.float32(slack)
        self._sure = None if slack == 1 else least(logits, full)
        self._score, self._distance = reader(logits, sigmoid), reader(ltrb, softplus)
        # As wide as the output itself: NumPy compares two arrays of one shape many times as fast as rows with a row.
        self._least = np.tile(least(logits, self._thresholds), (len(self._cells), 1))
        self._passes = np.empty(self._least.shape, np.bool_)
        self._lowest = self._least.dtype.type(-np.inf if logits.dtype == "float32" else np.iinfo(logits.dtype).min)
        self._expected = (self._least.shape, np.dtype(logits.dtype), self._cells.shape, np.dtype(ltrb.dtype))
        self._frame_wh = (0, 0)
        self._placement = Placement(1.0, 1.0, 0.0, 0.0)

    def __call__(self, logits: NDArray[Any], ltrb: NDArray[Any], size_wh: tuple[int, int]) -> Detections:
        """Decodes one frame's outputs.

        Args:
            logits: (A, C), the cells level by level, row by row; with or without a batch axis of 1. May be a
                runtime's own memory: nothing of it is kept.
            ltrb: (A, 4), likewise.
            size_wh: of the frame, px.

        Raises:
            ValueError: an array of another shape or type.
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

    def _candidates(self, logits: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        """Finds the cells that pass, in their order, and their best class with its score."""
        rows = np.flatnonzero(np.greater_equal(logits, self._least, out=self._passes)) // logits.shape[1]
        if len(rows) > 1:  # two classes of a cell may pass
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
            # Not argpartition: of equal scores, which quantized ones often are, it takes any.
            chosen = np.sort(np.argsort(-score, kind="stable")[:CANDIDATES])
            rows, class_id, score = rows[chosen], class_id[chosen], score[chosen]
        return rows, class_id, score

    def _check(self, logits: NDArray[Any], ltrb: NDArray[Any]) -> None:
        got = (logits.shape, logits.dtype, ltrb.shape, ltrb.dtype)
        if got != self._expected:
            text = "{} {} and {} {}"
            raise ValueError(f"the outputs are {text.format(*self._expected)}, got {text.format(*got)}")


class PostprocessedDecoder:
    """Reads the four outputs of a detector that ends with TensorFlow Lite's own `TFLite_Detection_PostProcess`.

    Args:
        card: of the detector; its input, its thresholds and `max_det` are heeded.
        classes: columns to look for; None looks for all.
        again: suppress by the card's `iou` what the model let stay.
        agnostic: with `again`, suppress a box that overlaps with a better one of another class, too.
        slack: give objects from this share of their threshold on, 0..1.

    Raises:
        ModelError: the card is no detector's.
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
        """Decodes one frame's outputs, real numbers with or without the batch axis of 1; nothing of them is kept.

        Args:
            boxes: (N, 4), each ymin, xmin, ymax, xmax in shares of the input.
            class_id: (N,), columns of the labels; others are left out.
            score: (N,), 0..1.
            count: (1,), how many of the N are meant.
            size_wh: of the frame, px.
        """
        if size_wh != self._frame_wh:
            self._frame_wh, self._placement = size_wh, place(size_wh[1], size_wh[0], self._spec)
        meant = min(max(int(count.reshape(-1)[0]), 0), score.size)  # the others are not even set
        yxyx, score = boxes.reshape(-1, 4)[:meant], score.reshape(-1)[:meant]
        column = class_id.reshape(-1)[:meant].astype(np.int64)
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


def suppress(xyxy: BoxesXyxy, score: Floats, class_id: NDArray[np.int64] | None, iou: float) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: a box stays if it overlaps with no better one that stays by more than `iou`.

    Args:
        xyxy: (N, 4) px, each of some area, none left of 0 or above it: OpenCV keeps the classes apart by that.
        score: (N,) above 0.
        class_id: (N,); boxes of different classes don't suppress each other. None takes them for one class.
        iou: intersection over union, 0..1.

    Returns:
        Which stay, best first, equal ones in the order given.
    """
    if not len(xyxy):
        return np.empty(0, np.intp)
    xywh = xyxy.astype(np.float64)
    xywh[:, 2:] -= xywh[:, :2]
    # OpenCV's stubs ask for sequences, but it takes arrays.
    if class_id is None:
        return np.asarray(cv2.dnn.NMSBoxes(xywh, score, 0.0, iou), np.intp)  # type: ignore[arg-type]
    classes = class_id.astype(np.int32)
    return np.asarray(cv2.dnn.NMSBoxesBatched(xywh, score, classes, 0.0, iou), np.intp)  # type: ignore[arg-type]


def nothing_found(size_wh: tuple[int, int]) -> Detections:
    """Returns the result of a frame of (width, height) px in which there is no object."""
    none = np.empty(0, np.float32)
    return _detections(np.empty((0, 4), np.float32), none, np.empty(0, np.int64), (), size_wh)


def _within(xyxy: BoxesXyxy, size_wh: tuple[int, int]) -> tuple[BoxesXyxy, NDArray[np.bool_]]:
    """Clips boxes to the frame; also says which of them have any area there."""
    boxes = np.minimum(np.maximum(xyxy, np.float32(0)), np.array(size_wh * 2, np.float32))
    return boxes, (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])


def _detections(
    xyxy: BoxesXyxy, score: Floats, class_id: NDArray[np.int64], labels: tuple[str, ...], size_wh: tuple[int, int]
) -> Detections:
    return Detections(xyxy, score, class_id, tuple(labels[i] for i in class_id.tolist()), size_wh)


def grid(height: int, width: int, strides: Sequence[int]) -> tuple[Floats, Floats]:
    """Lists a detector's cells, level by level, row by row.

    Args:
        height: of the input, px.
        width: of the input, px.
        strides: of the levels, px.

    Returns:
        (A, 2) centres x, y in input px, and (A,) strides.
    """
    centres = []
    for stride in strides:
        y, x = np.mgrid[: -(-height // stride), : -(-width // stride)]
        centres.append((np.stack((x, y), axis=-1).reshape(-1, 2) + 0.5) * stride)
    sizes = np.repeat(strides, [len(level) for level in centres])
    return np.concatenate(centres).astype(np.float32), sizes.astype(np.float32)


def _per_class(thresholds: tuple[float, ...], count: int, classes: Collection[int] | None) -> Floats:
    """The (C,) thresholds; those of classes nobody looks for can't be reached."""
    wanted = range(count) if classes is None else classes
    return np.where(np.isin(np.arange(count), list(wanted)), class_thresholds(thresholds, count), _NEVER)
