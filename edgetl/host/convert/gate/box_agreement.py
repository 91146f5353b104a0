"""Compares the boxes of two detectors: which clear boxes both show, and how far their scores differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edgetl.card import ModelCard
from edgetl.host.dataset.boxes.truth import Found
from edgetl.vision.arrays import Floats, Integers, Mask
from edgetl.vision.filter import ResultFilter, reaches
from edgetl.vision.match_boxes import SAME_IOU, pair

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


@dataclass(frozen=True, slots=True)
class PairedBoxes:
    """The boxes of two detectors in one photo, without those that are well below their display thresholds.

    Attributes:
        boxes: the boxes of the one detector, K, and of the other, N.
        left: the positions of the boxes of the one that have a partner, (M,) int64 in 0..K-1.
        right: the positions of their partners, (M,) int64 in 0..N-1.
        clear: whether a box is clearly above its threshold, (K,) and (N,) bool.
    """

    boxes: tuple[Found, Found]
    left: Integers
    right: Integers
    clear: tuple[Mask, Mask]

    @property
    def lone_boxes(self) -> tuple[int, int]:
        """The numbers of clear boxes of the one detector, and of the other, that have no partner."""
        (ours, theirs), left, right = self.clear, self.left, self.right
        return int(ours.sum() - ours[left].sum()), int(theirs.sum() - theirs[right].sum())


def paired_boxes(
    reference: Sequence[Found], variant: Sequence[Found], card: ModelCard, min_iou: float = SAME_IOU
) -> Iterator[PairedBoxes]:
    """Yields the boxes of two detectors, paired one to one, photo by photo.

    Args:
        reference: the reference detector's boxes in each photo, including boxes well below the display thresholds.
        variant: the other detector's boxes in each photo.
        card: the card with the display thresholds and the labels.
        min_iou: the smallest intersection over union of a pair, 0..1.
    """
    thresholds = ResultFilter().thresholds(card)
    for ours, theirs in zip(reference, variant, strict=True):
        a, b = (_above(found, thresholds - NEAR) for found in (ours, theirs))
        partner = pair(a.xyxy, a.class_id, b.xyxy, b.class_id, min_iou)
        clear = [found.score > thresholds[found.class_id] + NEAR for found in (a, b)]
        yield PairedBoxes((a, b), np.flatnonzero(partner >= 0), partner[partner >= 0], (clear[0], clear[1]))


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
    for photo in paired_boxes(reference, variant, card):
        (a, b), left, right = photo.boxes, photo.left, photo.right
        boxes = sum(int(mask.sum()) for mask in photo.clear)
        clear += boxes
        agreeing += boxes - sum(photo.lone_boxes)
        shown = reaches(a.score, a.class_id, thresholds)[left] | reaches(b.score, b.class_id, thresholds)[right]
        largest = max(largest, float(np.abs(a.score[left] - b.score[right])[shown].max(initial=0.0)))
    return Agreement(agreeing / clear if clear else 1.0, largest, clear)


def _above(found: Found, least: Floats) -> Found:
    keep = reaches(found.score, found.class_id, least)
    return Found(found.xyxy[keep], found.score[keep], found.class_id[keep])
