"""A detector's figures as rows: by class at its display threshold, and by size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.host.dataset.boxes.truth import Truth
from edgetl.host.evaluate.box_metrics import Curve, DetectionEvaluation
from edgetl.vision.filter import class_thresholds

_SMALL, _LARGE = 32.0**2, 96.0**2
"""COCO's bounds between small, medium and large boxes, px²."""
_DIGITS = 6
"""Thresholds are reported with this many decimal places, because float32 holds no more in 0..1."""


@dataclass(frozen=True, slots=True)
class ClassRow:
    """How well one class is found; NaN where there was nothing to measure.

    Attributes:
        label: the class's name.
        boxes: that were to be found.
        ap: over IoU 0.50 to 0.95, 0..1.
        ap50: at IoU 0.5, 0..1.
        threshold: the display threshold, 0..1.
        precision: at that threshold and IoU 0.5: share of right ones among what was called so, 0..1.
        recall: likewise: share of its boxes that were found, 0..1.
    """

    label: str
    boxes: int
    ap: float
    ap50: float
    threshold: float
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0..1; 0 where nothing was found."""
        both = self.precision + self.recall
        if math.isnan(both):
            return self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True, slots=True)
class SizeRow:
    """How well boxes of one of COCO's sizes are found.

    Attributes:
        size: small, medium or large.
        boxes: that were to be found.
        map: over IoU 0.50 to 0.95, 0..1; NaN where there are none.
    """

    size: str
    boxes: int
    map: float


def at(curve: Curve, threshold: float) -> tuple[float, float]:
    """Returns a class's (precision, recall) at a threshold; NaN where nothing was found, or nothing was to be found."""
    shown = int((curve.score.astype(np.float32) >= np.float32(threshold)).sum())  # as `class_thresholds` says
    if shown:
        return float(curve.precision[shown - 1]), float(curve.recall[shown - 1])
    return math.nan, math.nan


def class_rows(result: DetectionEvaluation, thresholds: Sequence[float]) -> list[ClassRow]:
    """Returns a row for each class, in the labels' order.

    Args:
        result: of C classes.
        thresholds: the display thresholds, one a class or one for all.
    """
    counts = np.bincount(_wanted(result.truth), minlength=len(result.labels)).tolist()
    scores, cuts = result.by_class(), class_thresholds(thresholds, len(result.labels)).tolist()
    rows = []
    for label, boxes, cut, curve in zip(result.labels, counts, cuts, result.curves(), strict=True):
        precision, recall = at(curve, cut)
        if boxes and math.isnan(recall):
            recall = 0.0
        rows.append(ClassRow(label, boxes, *scores[label], round(cut, _DIGITS), precision, recall))
    return rows


def size_rows(result: DetectionEvaluation) -> list[SizeRow]:
    """Returns a row for each of COCO's sizes, small first."""
    boxes = [truth.xyxy[~truth.ignore] for truth in result.truth]
    sides = np.concatenate([xyxy[:, 2:] - xyxy[:, :2] for xyxy in boxes] or [np.empty((0, 2))])
    areas = sides.prod(axis=1)
    small, large = int((areas < _SMALL).sum()), int((areas >= _LARGE).sum())
    counts = {"small": small, "medium": len(areas) - small - large, "large": large}
    # A box just at a bound counts as both sizes with COCO: here as the larger one.
    return [SizeRow(size, counts[size], ap if counts[size] else math.nan) for size, ap in result.by_size().items()]


def _wanted(truth: Sequence[Truth]) -> NDArray[np.int64]:
    """The class of every box that is to be found."""
    return np.concatenate([t.class_id[~t.ignore] for t in truth] or [np.empty(0, np.int64)])
