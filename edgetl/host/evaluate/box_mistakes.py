"""What a detector gets wrong at its display thresholds: boxes it misses, and boxes that it should not have drawn.

Boxes are paired as `DetectionEvaluation.confusion` pairs them, so the counts are those of its background.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.evaluate.box_metrics import DetectionEvaluation, Floats, alarms, match
from edgetl.vision.filter import class_thresholds, reaches
from edgetl.vision.match_boxes import iou

_PAIRED = 0.5
_NEAR = 0.1
"""The overlap from which a false alarm is an object's, only not where it is."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A box that is missing, or one too many.

    Attributes:
        photo: its position in the evaluation.
        box: its position among the photo's true boxes where it was missed, else among those found.
        label: what it is, or was called.
        told: what is wrong with it.
        weight: the worse, the more: a missed box's px², a false alarm's score.
    """

    photo: int
    box: int
    label: str
    told: str
    weight: float


@dataclass(frozen=True, slots=True)
class Mistakes:
    """All mistakes at the display thresholds, the worst first.

    Attributes:
        misses: true boxes that nothing found, the largest first.
        alarms: found boxes without a true one, or of another class than theirs, the best score first.
    """

    misses: list[Mistake]
    alarms: list[Mistake]


def shown(found: Found, thresholds: NDArray[np.float32]) -> NDArray[np.int64]:
    """Returns the positions of a photo's boxes that reach the (C,) display thresholds of their classes."""
    return np.flatnonzero(reaches(found.score, found.class_id, thresholds))


def mistakes(result: DetectionEvaluation, thresholds: Sequence[float]) -> Mistakes:
    """Finds the mistakes.

    Args:
        result: of the photos.
        thresholds: the display thresholds, one a class or one for all.
    """
    cuts = class_thresholds(thresholds, len(result.labels))
    missed: list[Mistake] = []
    wrong: list[Mistake] = []
    for photo, (truth, found) in enumerate(zip(result.truth, result.found, strict=True)):
        seen = shown(found, cuts)
        pairs = match(truth.xyxy, found.xyxy[seen], found.score[seen], _PAIRED)
        missed += _misses(photo, truth, {true for true, _ in pairs}, result.labels)
        wrong += _alarms(photo, truth, found, {int(seen[box]): true for true, box in pairs}, seen, result.labels)
    worst = [sorted(rows, key=lambda row: -row.weight) for rows in (missed, wrong)]
    return Mistakes(*worst)


def _misses(photo: int, truth: Truth, paired: set[int], labels: Sequence[str]) -> Iterator[Mistake]:
    for box, (x1, y1, x2, y2) in enumerate(truth.xyxy.tolist()):
        if box not in paired and not truth.ignore[box]:
            told = f"{round(x2 - x1)} × {round(y2 - y1)} px"
            yield Mistake(photo, box, labels[truth.class_id[box]], told, (x2 - x1) * (y2 - y1))


def _alarms(
    photo: int,
    truth: Truth,
    found: Found,
    partner: dict[int, int],
    seen: NDArray[np.int64],
    labels: Sequence[str],
) -> Iterator[Mistake]:
    overlaps = iou(truth.xyxy, found.xyxy)
    alone = set(alarms(truth, found.xyxy, list(partner)).tolist())
    for box in seen.tolist():
        true = partner.get(box)
        said, score = int(found.class_id[box]), float(found.score[box])
        if true is None and box in alone:
            yield Mistake(photo, box, labels[said], _reason(truth, overlaps[:, box], labels), score)
        elif true is not None and truth.class_id[true] != said and not truth.ignore[true]:
            yield Mistake(photo, box, labels[said], f"really {labels[truth.class_id[true]]}", score)


def _reason(truth: Truth, overlap: Floats, labels: Sequence[str]) -> str:
    """What a found box without a partner is near to.

    Args:
        truth: K true boxes.
        overlap: (K,) IoU of each with the found box.
        labels: of the classes.
    """
    nearest = int(overlap.argmax()) if len(overlap) else -1
    if nearest < 0 or overlap[nearest] < _NEAR:
        return "nothing is there"
    name = labels[truth.class_id[nearest]]
    if overlap[nearest] >= _PAIRED:
        return f"one box too many on {name}"
    return f"beside {name}, IoU {overlap[nearest]:.2f}"
