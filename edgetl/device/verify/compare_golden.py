"""Whether replayed outputs are the expected ones: scores of a classifier, boxes of a detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.card import ModelCard
from edgetl.golden import GoldenBox, GoldenBoxes, golden_card
from edgetl.vision.filter import class_thresholds
from edgetl.vision.match_boxes import iou, pair
from edgetl.vision.results import Detections

Scores = NDArray[np.float32]
Boxes = NDArray[np.float32]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

TOLERANCES = {
    # Sums in another order move a probability by some 1e-6; 1e-3 leaves room for another processor's exp.
    "float32": 1e-3,
    # Runtimes may compute in half precision, whose 11 bits add up over the layers.
    "float16": 2e-2,
    # Outputs move in steps of 1/256; rounding that differs by a step in the last layers moves them by a few.
    "static_wi8_ai8": 3 / 256,
    "device_wi8_ai8": 3 / 256,
    # Activations are quantized by each kernel's own choice of range.
    "dynamic_wi8_afp32": 2e-2,
}
"""Largest |score - expected score| that is the same answer, by recipe, 0..1."""

BOX_TOLERANCES = {
    # As of a classifier: a score is the sigmoid of one sum.
    "float32": 1e-3,
    "float16": 2e-2,
    # A step of a quantized logit, 0.08 to 0.1 as measured, is a fortieth of the score at most: three of them.
    "static_wi8_ai8": 7e-2,
    "device_wi8_ai8": 7e-2,
    "dynamic_wi8_afp32": 4e-2,
    # Its body is an int8 one, or has weights in half floats.
    "portable": 7e-2,
}
"""The same of a box's score.

A detector at 320 px gave the same with one and two threads to the last bit, whatever the recipe. Without XNNPACK, float
ones stayed within 1e-5, and quantized ones drifted: scores by 0.08, and of 27 boxes two below IoU 0.9.
"""

_OVERLAP_MARGIN = 1e-3
"""Of the intersection over union of two boxes, for the rounding in it."""


@dataclass(frozen=True, slots=True)
class VariantReport:
    """How one variant's replay went.

    Attributes:
        variant: its name.
        ok: whether it gave what was expected of it.
        reason: why not; empty where it did.
        photos: replayed.
        changed: of them, those whose top label is another one; of a detector, boxes that have no partner.
        max_difference: largest |score - expected score|, 0..1; None where nothing could be replayed.
        tolerance: what it may be.
        boxes: expected of a detector; None of a classifier.
        skipped: this machine hasn't what runs it, so that it is neither ok nor failing; `reason` says what.
    """

    variant: str
    ok: bool
    reason: str = ""
    photos: int = 0
    changed: int = 0
    max_difference: float | None = None
    tolerance: float = 0.0
    boxes: int | None = None
    skipped: bool = False

    def to_dict(self) -> dict[str, object]:
        """Returns JSON-ready values."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        if self.max_difference is None:
            return f"{self.variant:<24} {'skipped' if self.skipped else 'FAILS':<8} {self.reason}"
        shown = f"{self.photos} photos" + ("" if self.boxes is None else f", {self.boxes} boxes")
        difference = f"differs by {self.max_difference:.5f} (allowed {self.tolerance:.5f})"
        end = "" if self.ok else f"; {self.reason}"
        return f"{self.variant:<24} {'ok' if self.ok else 'FAILS':<8} {shown}, {difference}{end}"


def compare(variant: str, recipe: str, scores: Scores, expected: Scores) -> VariantReport:
    """Judges a classifier's replayed scores.

    Args:
        variant: its name.
        recipe: of the variant; an unknown one is held to the strictest tolerance.
        scores: (photos, classes), 0..1.
        expected: of the same shape.
    """
    tolerance = TOLERANCES.get(recipe, min(TOLERANCES.values()))
    if not np.isfinite(scores).all():
        reason = "an output is not a finite number"
        return VariantReport(variant, False, reason, len(scores), tolerance=tolerance)
    difference = float(np.abs(scores - expected).max())
    changed = int(_changed(scores, expected, tolerance).sum())
    reasons = []
    if changed:
        reasons.append(f"{changed} of {len(scores)} top labels changed")
    if not difference <= tolerance:  # so that NaN fails
        reasons.append("the scores drifted")
    reason = ", ".join(reasons)
    return VariantReport(variant, not reason, reason, len(scores), changed, difference, tolerance)


def _changed(scores: Scores, expected: Scores, tolerance: float) -> Mask:
    """Which photos' top label is another one, but for those whose two best expected scores were a tie."""
    other = scores.argmax(axis=1) != expected.argmax(axis=1)
    if expected.shape[1] < 2:
        return np.asarray(other)
    second, first = np.sort(expected, axis=1)[:, -2:].T
    return np.asarray(other & (first - second > tolerance))


def compare_boxes(
    variant: str, recipe: str, found: Sequence[Detections], expected: Sequence[GoldenBoxes], card: ModelCard
) -> VariantReport:
    """Judges a detector's replayed boxes.

    Every expected box needs a partner, of its class, at IoU 0.9 and with its score within the tolerance, and every
    found one must have been expected. Two kinds of change are none: a box whose score is within the tolerance of the
    threshold may come or go; and where candidates of nearly one score overlap, another one may stay than the one that
    was expected, since non-maximum suppression keeps the better of them.

    Args:
        variant: its name.
        recipe: of the variant; an unknown one is held to the strictest tolerance.
        found: in each photo, with the thresholds of `edgetl.golden.golden_card`.
        expected: likewise.
        card: of the detector.
    """
    tolerance = BOX_TOLERANCES.get(recipe, min(BOX_TOLERANCES.values()))
    watch = golden_card(card).detector
    least = class_thresholds(watch.thresholds, len(card.labels)) + tolerance
    photos = [_look(_Table.of(f), e, least, tolerance, watch.iou) for f, e in zip(found, expected, strict=True)]
    boxes, shown = sum(len(e.objects) for e in expected), sum(map(len, found))
    lost, new, moved = (sum(getattr(p, name) for p in photos) for name in ("lost", "new", "moved"))
    reasons = (
        (not boxes, "no boxes are expected of the golden photos: they prove nothing"),
        (lost > 0, f"{lost} of {boxes} boxes have no partner"),
        (new > 0, f"{new} of {shown} boxes were not expected"),
        (moved > 0, f"the scores of {moved} of {boxes} boxes drifted"),
    )
    reason = ", ".join(text for holds, text in reasons if holds)
    largest = max((p.difference for p in photos), default=0.0)
    difference = largest if np.isfinite(largest) else None  # JSON has no other numbers
    return VariantReport(variant, not reason, reason, len(photos), lost + new, difference, tolerance, boxes)


@dataclass(frozen=True, slots=True)
class _Table:
    """N boxes: (N, 4) xyxy, (N,) classes and scores."""

    xyxy: Boxes
    class_id: Integers
    score: Scores

    @classmethod
    def of(cls, found: Detections) -> _Table:
        return cls(found.xyxy, found.class_id, found.score)

    @classmethod
    def read(cls, boxes: Sequence[GoldenBox]) -> _Table:
        xyxy = np.array([box.xyxy for box in boxes], np.float32).reshape(-1, 4)
        classes = np.array([box.class_id for box in boxes], np.int64)
        return cls(xyxy, classes, np.array([box.score for box in boxes], np.float32))

    def some(self, mask: Mask) -> _Table:
        return _Table(self.xyxy[mask], self.class_id[mask], self.score[mask])

    def partners(self, others: _Table) -> Integers:
        return pair(self.xyxy, self.class_id, others.xyxy, others.class_id)

    def clear(self, least: NDArray[np.float32]) -> Mask:
        """Those that no drift within the tolerance brings below their threshold; a score that is NaN is clear."""
        return np.asarray(~(self.score <= least[self.class_id]))

    def overlaps(self, others: _Table, by_more_than: float) -> NDArray[np.bool_]:
        same = self.class_id[:, None] == others.class_id[None]
        return np.asarray(same & (iou(self.xyxy, others.xyxy) > by_more_than))


@dataclass(frozen=True, slots=True)
class _Photo:
    """Of one photo: boxes lost, boxes not expected, pairs whose score drifted, the largest difference of a pair."""

    lost: int
    new: int
    moved: int
    difference: float


def _look(found: _Table, golden: GoldenBoxes, least: NDArray[np.float32], tolerance: float, most: float) -> _Photo:
    expected = _Table.read(golden.objects)
    partner = expected.partners(found)
    paired = partner >= 0
    differences = np.abs(found.score[partner[paired]] - expected.score[paired])
    extra = np.ones(len(found.score), np.bool_)
    extra[partner[paired]] = False
    stands_in = _stand_ins(found, extra, _Table.read(golden.suppressed), tolerance, most)
    lost = expected.some(~paired & expected.clear(least))
    # One of nearly its score, or one that is better still, took its place.
    taken = lost.overlaps(found.some(stands_in), most - _OVERLAP_MARGIN)
    taken &= found.score[stands_in][None] >= lost.score[:, None] - 2 * tolerance
    new = extra & found.clear(least) & ~stands_in
    return _Photo(
        lost=int((~taken.any(axis=1)).sum()),
        new=int(new.sum()),
        moved=int((~(differences <= tolerance)).sum()),
        difference=float(differences.max(initial=0.0)),
    )


def _stand_ins(found: _Table, extra: Mask, suppressed: _Table, tolerance: float, most: float) -> Mask:
    """Which of the extra boxes were candidates on the converting machine, and are rightly not suppressed here."""
    chosen = np.flatnonzero(extra)
    known = np.zeros(len(extra), np.bool_)
    for position, candidate in zip(chosen, found.some(extra).partners(suppressed), strict=True):
        close = candidate >= 0 and abs(found.score[position] - suppressed.score[candidate]) <= tolerance
        better = np.arange(len(extra)) < position
        doubled = found.overlaps(found, most + _OVERLAP_MARGIN)[position] & better
        known[position] = close and not doubled.any()
    return known
