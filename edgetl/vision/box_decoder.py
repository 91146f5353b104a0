"""Holds the common part of the detectors' decoders: thresholds, the mapping of boxes to the frame, and suppression."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from edgetl.card import ModelCard
from edgetl.vision.arrays import BoxesXyxy, ClassIds, Floats, Mask, Rows, Scores
from edgetl.vision.filter import class_thresholds
from edgetl.vision.letterbox import Placement, place
from edgetl.vision.nms import suppress
from edgetl.vision.results import Detections

_UNREACHABLE = np.float32(np.inf)
"""A class that isn't looked for has this threshold, which no score reaches."""


class BoxDecoder:
    """The base class of the decoders; one stream and one thread use a decoder.

    Args:
        card: the detector's card.
        classes: columns of the classes to look for; None looks for all.
        agnostic: whether a box also suppresses boxes of other classes.
        slack: share of its threshold that an object must reach, 0..1.

    Attributes:
        decoding: meaning of the detector's outputs.

    Raises:
        ModelError: the card is of no detector.
    """

    def __init__(self, card: ModelCard, classes: Collection[int] | None, agnostic: bool, slack: float) -> None:
        self.decoding = card.detector
        self._spec = card.input
        self._labels = card.labels
        self._agnostic = agnostic
        self._whole_thresholds = _per_class(self.decoding.thresholds, len(card.labels), classes)
        self._thresholds = self._whole_thresholds * np.float32(slack)
        self._frame_wh = (0, 0)
        self._placement = Placement(1.0, 1.0, 0.0, 0.0)

    def _in_frame(self, boxes: BoxesXyxy, size_wh: tuple[int, int]) -> tuple[BoxesXyxy, Mask]:
        """Returns boxes of the input mapped to the frame and clipped, and whether each has an area there, (N,) bool."""
        if size_wh != self._frame_wh:
            self._frame_wh, self._placement = size_wh, place(size_wh[1], size_wh[0], self._spec)
        xyxy = np.minimum(np.maximum(self._placement.to_frame(boxes), np.float32(0)), np.array(size_wh * 2, np.float32))
        return xyxy, (xyxy[:, 2] > xyxy[:, 0]) & (xyxy[:, 3] > xyxy[:, 1])

    def _suppressed(self, xyxy: BoxesXyxy, score: Scores, class_id: ClassIds) -> Rows:
        """Returns the positions of the boxes that remain after suppression, (K,) intp, best first."""
        return suppress(xyxy, score, None if self._agnostic else class_id, self.decoding.iou)

    def _detections(
        self, xyxy: BoxesXyxy, score: Scores, class_id: ClassIds, rows: Rows, size_wh: tuple[int, int]
    ) -> Detections:
        """Returns the first `max_det` of some rows, (K,) intp, as the frame's result."""
        rows = rows[: self.decoding.max_det]
        labels = tuple(self._labels[i] for i in class_id[rows].tolist())
        return Detections(xyxy[rows], score[rows], class_id[rows], labels, size_wh)


def nothing_found(size_wh: tuple[int, int]) -> Detections:
    """Returns the result of a frame without any object.

    Args:
        size_wh: width and height of the frame, px.
    """
    none = np.empty(0, np.float32)
    return Detections(np.empty((0, 4), np.float32), none, np.empty(0, np.int64), (), size_wh)


def _per_class(thresholds: tuple[float, ...], count: int, classes: Collection[int] | None) -> Floats:
    """Returns the thresholds of the C classes, (C,) float32; those of classes not looked for can't be reached."""
    shown = range(count) if classes is None else classes
    return np.where(np.isin(np.arange(count), list(shown)), class_thresholds(thresholds, count), _UNREACHABLE)
