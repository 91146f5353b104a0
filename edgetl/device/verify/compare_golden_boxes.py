"""Compares a detector's replayed golden boxes with the expected ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.card import ModelCard
from edgetl.device.verify.compare_golden import VariantReport
from edgetl.golden import GoldenBox, GoldenBoxes, golden_card
from edgetl.vision.arrays import BoxesXyxy, ClassIds, Integers, Mask, Scores
from edgetl.vision.filter import class_thresholds
from edgetl.vision.match_boxes import iou, pair
from edgetl.vision.results import Detections

BOX_TOLERANCES = {
    # A score is the sigmoid of one sum, as precise as a classifier's.
    "float32": 1e-3,
    "float16": 2e-2,
    # A step of a quantized logit, 0.08 to 0.1 as measured, changes the score by at most 1/40; three steps are allowed.
    "static_wi8_ai8": 7e-2,
    "device_wi8_ai8": 7e-2,
    "dynamic_wi8_afp32": 4e-2,
    # The body of a portable file is int8 or float16.
    "portable": 7e-2,
}
"""The largest |score - expected score| of a box that counts as equal, 0..1, by recipe.

A detector at 320 px gave the same bits with one and two threads for every recipe. Without XNNPACK, float files stayed
within 1e-5, and quantized files drifted: scores by 0.08, and two of 27 boxes fell below IoU 0.9.
"""

_OVERLAP_MARGIN = 1e-3
"""An IoU may differ by this much from its limit, 0..1, because its computation rounds."""


def compare_boxes(
    variant: str, recipe: str, found: Sequence[Detections], expected: Sequence[GoldenBoxes], card: ModelCard
) -> VariantReport:
    """Compares a detector's replayed boxes with the expected ones.

    Every expected box needs a partner of its class, with an IoU of at least 0.9 and a score within the tolerance, and
    every replayed box must be expected. Two kinds of change are allowed. A box whose score is within the tolerance of
    its threshold may appear or disappear. If candidates with nearly equal scores overlap, another one of them may
    remain, because non-maximum suppression keeps the best.

    Args:
        variant: the variant's name.
        recipe: the variant's recipe; an unknown recipe gets the strictest tolerance.
        found: the replayed boxes of each photo, with the thresholds of `edgetl.golden.golden_card`.
        expected: the expected boxes of each photo, with the same thresholds.
        card: the detector's card.
    """
    tolerance = BOX_TOLERANCES.get(recipe, min(BOX_TOLERANCES.values()))
    decoding = golden_card(card).detector
    least = class_thresholds(decoding.thresholds, len(card.labels)) + tolerance
    pairs = zip(found, expected, strict=True)
    photos = [_compare_photo(_Table.of(f), e, least, tolerance, decoding.iou) for f, e in pairs]
    boxes, shown = sum(len(e.objects) for e in expected), sum(map(len, found))
    lost, new, moved = (sum(getattr(p, name) for p in photos) for name in ("lost", "new", "moved"))
    reasons = (
        (not boxes, "no boxes are expected in the golden photos, so the replay proves nothing"),
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
    """N boxes of one photo.

    Attributes:
        xyxy: the corners, (N, 4) float32 xyxy, px of the photo.
        class_id: the class numbers, (N,) int64.
        score: the scores, (N,) float32 0..1.
    """

    xyxy: BoxesXyxy
    class_id: ClassIds
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
        """Returns the position of each box's partner among other boxes, (N,) int64; -1 if it has none."""
        return pair(self.xyxy, self.class_id, others.xyxy, others.class_id)

    def clear(self, least: NDArray[np.float32]) -> Mask:
        """Returns which boxes stay above their threshold under any allowed drift, (N,) bool; NaN scores do."""
        return np.asarray(~(self.score <= least[self.class_id]))

    def overlaps(self, others: _Table, by_more_than: float) -> NDArray[np.bool_]:
        same = self.class_id[:, None] == others.class_id[None]
        return np.asarray(same & (iou(self.xyxy, others.xyxy) > by_more_than))


@dataclass(frozen=True, slots=True)
class _Photo:
    """The comparison of one photo.

    Attributes:
        lost: the number of expected boxes without a partner.
        new: the number of replayed boxes that were not expected.
        moved: the number of pairs whose score drifted.
        difference: the largest difference of the scores of a pair, 0..1.
    """

    lost: int
    new: int
    moved: int
    difference: float


def _compare_photo(
    found: _Table, golden: GoldenBoxes, least: NDArray[np.float32], tolerance: float, most_overlap: float
) -> _Photo:
    """Compares the boxes of one photo.

    Args:
        found: the replayed boxes.
        golden: the expected boxes, and the candidates that they suppressed.
        least: the score above which a box is clear, for each class, (C,) float32 0..1.
        tolerance: the largest difference of two scores that count as equal, 0..1.
        most_overlap: the IoU above which non-maximum suppression removes a box, 0..1.
    """
    expected = _Table.read(golden.objects)
    partner = expected.partners(found)
    paired = partner >= 0
    differences = np.abs(found.score[partner[paired]] - expected.score[paired])
    extra = np.ones(len(found.score), np.bool_)
    extra[partner[paired]] = False
    stands_in = _stand_ins(found, extra, _Table.read(golden.suppressed), tolerance, most_overlap)
    lost = expected.some(~paired & expected.clear(least))
    # A box with nearly the same score, or a better one, took its place.
    taken = lost.overlaps(found.some(stands_in), most_overlap - _OVERLAP_MARGIN)
    taken &= found.score[stands_in][None] >= lost.score[:, None] - 2 * tolerance
    new = extra & found.clear(least) & ~stands_in
    return _Photo(
        lost=int((~taken.any(axis=1)).sum()),
        new=int(new.sum()),
        moved=int((~(differences <= tolerance)).sum()),
        difference=float(differences.max(initial=0.0)),
    )


def _stand_ins(found: _Table, extra: Mask, suppressed: _Table, tolerance: float, most_overlap: float) -> Mask:
    """Returns which extra boxes were suppressed candidates on the converting machine and may remain here, (N,) bool."""
    chosen = np.flatnonzero(extra)
    known = np.zeros(len(extra), np.bool_)
    for position, candidate in zip(chosen, found.some(extra).partners(suppressed), strict=True):
        close = candidate >= 0 and abs(found.score[position] - suppressed.score[candidate]) <= tolerance
        better = np.arange(len(extra)) < position
        doubled = found.overlaps(found, most_overlap + _OVERLAP_MARGIN)[position] & better
        known[position] = close and not doubled.any()
    return known
