"""Lists the mistakes of a detector at its display thresholds: missed boxes and false alarms.

Boxes are paired as in `DetectionEvaluation.confusion`, so the numbers agree with its background row and column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.evaluate.match_truth import MATCH_IOU, false_alarms, match_truth, shown_boxes
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation
from edgetl.vision.arrays import Doubles, Integers, Mask
from edgetl.vision.filter import class_thresholds
from edgetl.vision.match_boxes import iou

_NEAR = 0.1
"""A false alarm with at least this IoU, 0..1, belongs to the object beside it; its place is wrong."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A missed box or a false alarm.

    Attributes:
        photo: the position of the photo in the evaluation.
        box: the position of the box, for a missed box among the true boxes of the photo, else among the found ones.
        label: the true class of a missed box, or the predicted class of a false alarm.
        reason: a short text that says what is wrong.
        weight: the severity: the area of a missed box, px², or the score of a false alarm, 0..1.
    """

    photo: int
    box: int
    label: str
    reason: str
    weight: float


@dataclass(frozen=True, slots=True)
class Mistakes:
    """All mistakes at the display thresholds, the worst first.

    Attributes:
        misses: the true boxes that were not found, the largest first.
        alarms: the found boxes without a true box or with another class than it, the best score first.
    """

    misses: list[Mistake]
    alarms: list[Mistake]


def find_mistakes(evaluation: DetectionEvaluation, thresholds: Sequence[float]) -> Mistakes:
    """Lists the mistakes of a detector.

    Args:
        evaluation: the evaluation.
        thresholds: the display thresholds, 0..1: one for each class, or one for all.
    """
    cuts = class_thresholds(thresholds, len(evaluation.labels))
    missed: list[Mistake] = []
    wrong: list[Mistake] = []
    for photo, (truth, found) in enumerate(zip(evaluation.truth, evaluation.found, strict=True)):
        shown = shown_boxes(found, cuts)
        pairs = match_truth(truth.xyxy, found.xyxy[shown], found.score[shown])
        missed += _misses(photo, truth, {true for true, _ in pairs}, evaluation.labels)
        partners = {int(shown[box]): true for true, box in pairs}
        wrong += _alarms(photo, truth, found, partners, shown, evaluation.labels)
    worst = [sorted(rows, key=lambda row: -row.weight) for rows in (missed, wrong)]
    return Mistakes(*worst)


def recognised_boxes(evaluation: DetectionEvaluation, thresholds: Sequence[float]) -> list[Mask]:
    """Returns whether a detector finds each true box with its class, by photo: (K,) bool for K true boxes.

    Args:
        evaluation: the evaluation.
        thresholds: the display thresholds, 0..1: one for each class, or one for all.
    """
    cuts = class_thresholds(thresholds, len(evaluation.labels))
    rows = []
    for truth, found in zip(evaluation.truth, evaluation.found, strict=True):
        shown = shown_boxes(found, cuts)
        right = np.zeros(len(truth.xyxy), bool)
        for true, box in match_truth(truth.xyxy, found.xyxy[shown], found.score[shown]):
            right[true] = truth.class_id[true] == found.class_id[shown][box]
        rows.append(right)
    return rows


def _misses(photo: int, truth: Truth, paired: set[int], labels: Sequence[str]) -> Iterator[Mistake]:
    for box, (x1, y1, x2, y2) in enumerate(truth.xyxy.tolist()):
        if box not in paired and not truth.ignore[box]:
            size = f"{round(x2 - x1)} × {round(y2 - y1)} px"
            yield Mistake(photo, box, labels[truth.class_id[box]], size, (x2 - x1) * (y2 - y1))


def _alarms(
    photo: int,
    truth: Truth,
    found: Found,
    partners: dict[int, int],
    shown: Integers,
    labels: Sequence[str],
) -> Iterator[Mistake]:
    overlaps = iou(truth.xyxy, found.xyxy)
    alone = set(false_alarms(truth, found.xyxy, list(partners)).tolist())
    for box in shown.tolist():
        true = partners.get(box)
        predicted, score = int(found.class_id[box]), float(found.score[box])
        if true is None and box in alone:
            yield Mistake(photo, box, labels[predicted], _reason(truth, overlaps[:, box], labels), score)
        elif true is not None and truth.class_id[true] != predicted and not truth.ignore[true]:
            yield Mistake(photo, box, labels[predicted], f"really {labels[truth.class_id[true]]}", score)


def _reason(truth: Truth, overlap: Doubles, labels: Sequence[str]) -> str:
    """Returns what a found box without a partner is near to.

    Args:
        truth: the K true boxes of the photo.
        overlap: the IoU of each true box with the found box, (K,) float64, 0..1.
        labels: the names of the classes.
    """
    nearest = int(overlap.argmax()) if len(overlap) else -1
    if nearest < 0 or overlap[nearest] < _NEAR:
        return "nothing is there"
    name = labels[truth.class_id[nearest]]
    if overlap[nearest] >= MATCH_IOU:
        return f"one box too many on {name}"
    return f"beside {name}, IoU {overlap[nearest]:.2f}"
