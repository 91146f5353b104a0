"""Tables of a detector's figures: by class at its display threshold, and by size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgetl.host.dataset.boxes.coco_sizes import Size, count_sizes
from edgetl.host.dataset.boxes.truth import Truth
from edgetl.host.evaluate.class_row import ClassRow
from edgetl.host.evaluate.mean_average_precision import Curve, DetectionEvaluation
from edgetl.vision.arrays import ClassIds
from edgetl.vision.filter import class_thresholds

_DIGITS = 6
"""Thresholds are reported with this many decimal places, because float32 holds no more in 0..1."""


@dataclass(frozen=True, slots=True)
class DetectorRow(ClassRow):
    """A detector's figures for one class; a figure that can't be computed is NaN.

    Attributes:
        label: the name of the class.
        precision: the share of right boxes among those found of this class, at the threshold and IoU 0.5, 0..1.
        recall: the share of the true boxes of this class that were found, at the threshold and IoU 0.5, 0..1.
        boxes: the number of true boxes.
        ap: the average precision over the IoUs 0.50 to 0.95, 0..1.
        ap50: the average precision at IoU 0.5, 0..1.
        threshold: the display threshold, 0..1.
    """

    boxes: int
    ap: float
    ap50: float
    threshold: float


@dataclass(frozen=True, slots=True)
class SizeRow:
    """A detector's figures for the boxes of one of COCO's sizes.

    Attributes:
        size: the size.
        boxes: the number of true boxes of this size.
        map: the mAP over the IoUs 0.50 to 0.95, 0..1; NaN without boxes.
    """

    size: Size
    boxes: int
    map: float


def class_rows(evaluation: DetectionEvaluation, thresholds: Sequence[float]) -> list[DetectorRow]:
    """Returns a row for each class, in the order of the labels.

    Args:
        evaluation: the evaluation of C classes.
        thresholds: the display thresholds, 0..1: one for each class, or one for all.
    """
    counts = np.bincount(_true_classes(evaluation.truth), minlength=len(evaluation.labels)).tolist()
    scores, cuts = evaluation.by_class(), class_thresholds(thresholds, len(evaluation.labels)).tolist()
    rows = []
    for label, boxes, cut, curve in zip(evaluation.labels, counts, cuts, evaluation.curves(), strict=True):
        precision, recall = _at_threshold(curve, cut)
        if boxes and math.isnan(recall):
            recall = 0.0
        rows.append(DetectorRow(label, precision, recall, boxes, *scores[label], round(cut, _DIGITS)))
    return rows


def _at_threshold(curve: Curve, threshold: float) -> tuple[float, float]:
    """Returns precision and recall of a class at a threshold, 0..1; NaN if no box reaches it."""
    shown = int((curve.score.astype(np.float32) >= np.float32(threshold)).sum())  # float32 as in `class_thresholds`
    if shown:
        return float(curve.precision[shown - 1]), float(curve.recall[shown - 1])
    return math.nan, math.nan


def size_rows(evaluation: DetectionEvaluation) -> list[SizeRow]:
    """Returns a row for each of COCO's sizes, small first."""
    boxes = [truth.xyxy[~truth.ignore] for truth in evaluation.truth]
    sides = np.concatenate([xyxy[:, 2:] - xyxy[:, :2] for xyxy in boxes] or [np.empty((0, 2), np.float32)])
    counts = count_sizes(sides.prod(axis=1))
    # pycocotools counts a box whose area equals a bound as both sizes; `count_sizes` counts it as the larger one.
    return [SizeRow(size, counts[size], ap if counts[size] else math.nan) for size, ap in evaluation.by_size().items()]


def _true_classes(truth: Sequence[Truth]) -> ClassIds:
    """Returns the class of every box that is to be found, (K,) int64."""
    return np.concatenate([t.class_id[~t.ignore] for t in truth] or [np.empty(0, np.int64)])
