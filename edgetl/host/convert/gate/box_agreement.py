"""Compares the boxes of two detectors: which clear boxes both show, and how far their scores differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgetl.card import ModelCard
from edgetl.host.dataset.boxes.truth import Found
from edgetl.vision.arrays import Floats
from edgetl.vision.filter import ResultFilter, reaches
from edgetl.vision.match_boxes import pair

NEAR = 0.05
"""A box whose score is within this distance of its display threshold, 0..1, may be shown by one detector and hidden by
the other without counting as a disagreement."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well the boxes of two detectors agree.

    Attributes:
        share: the share of boxes on which both agree, 0..1; see `agreement`.
        max_score_difference: the largest difference of the scores of two paired boxes of which one is shown, 0..1; 0 if
            there is no such pair.
        boxes: the number of clear boxes of both detectors.
    """

    share: float
    max_score_difference: float
    boxes: int = 0


def agreement(reference: Sequence[Found], variant: Sequence[Found], card: ModelCard) -> Agreement:
    """Returns the share of boxes on which two detectors agree, over all photos.

    Boxes are paired one to one if they have the same class and an IoU of 0.9 or more. Only clear boxes count: those of
    either detector with a score of more than `NEAR` above their display threshold. A clear box agrees if its partner's
    score is at most `NEAR` below the threshold, or above it. So a box that hardly passes counts neither for nor against
    the variant. The share is the number of agreeing boxes divided by the number of clear boxes of both detectors; it is
    1 if there are no clear boxes.

    Args:
        reference: the reference detector's boxes in each photo, including boxes well below the display thresholds.
        variant: the other detector's boxes in each photo.
        card: the card with the display thresholds and the labels.
    """
    clear, agreeing, largest = 0, 0, 0.0
    thresholds = ResultFilter().thresholds(card)
    for ours, theirs in zip(reference, variant, strict=True):
        a, b = (_above(found, thresholds - NEAR) for found in (ours, theirs))
        partner = pair(a.xyxy, a.class_id, b.xyxy, b.class_id)
        left, right = np.flatnonzero(partner >= 0), partner[partner >= 0]
        for found, paired in ((a, left), (b, right)):
            is_clear = found.score > thresholds[found.class_id] + NEAR
            clear += int(is_clear.sum())
            agreeing += int(is_clear[paired].sum())
        shown = reaches(a.score, a.class_id, thresholds)[left] | reaches(b.score, b.class_id, thresholds)[right]
        largest = max(largest, float(np.abs(a.score[left] - b.score[right])[shown].max(initial=0.0)))
    return Agreement(agreeing / clear if clear else 1.0, largest, clear)


def _above(found: Found, least: Floats) -> Found:
    keep = reaches(found.score, found.class_id, least)
    return Found(found.xyxy[keep], found.score[keep], found.class_id[keep])
