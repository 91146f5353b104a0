"""Learns from the validation photos how often a detector's boxes are right, and how exactly they are placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.evaluate.match_truth import MATCH_IOU
from edgetl.host.evaluate.mean_average_precision import IOUS
from edgetl.vision.arrays import BoxesXyxy, Doubles, Integers, Scores
from edgetl.vision.match_boxes import pair

_GROUP = 25
"""About this many boxes of similar scores share one chance of being right, which is then known to ten points or so."""

_ASSUMED = 3.0
"""The weight of a variant's scores is assumed as if this many lost boxes had shown it; fewer boxes say little."""

_MOST_ERRORS = 200
"""At most this many errors of boxes are used; more would take time and change the mean little."""


@dataclass(frozen=True, slots=True)
class BoxReliability:
    """What the true boxes of photos show about a detector's boxes. A box is right at an IoU of 0.5 with a true one.

    Attributes:
        scores: the score 0, and the mean score of each group of boxes of similar scores, (G,) float64, rising, 0..1.
        shares: the share 0 for the score 0, and the share of right boxes in each group, (G,) float64, 0..1.
        recall: the share of the true boxes that were found at any score, 0..1.
        errors: the edges of true boxes less those of the right boxes found for them, in shares of the found box's width
            and height, (K, 4) float64 left, top, right, bottom.
    """

    scores: Doubles
    shares: Doubles
    recall: float
    errors: Doubles

    def chances(self, scores: Scores) -> Doubles:
        """Returns how likely boxes are right, (N,) float64, 0..1.

        Args:
            scores: the scores of the boxes, (N,) float32, 0..1.
        """
        return np.interp(scores, self.scores, self.shares)

    def reached(self, ours: BoxesXyxy, boxes: BoxesXyxy) -> Doubles:
        """Returns how likely boxes reach each IoU with the true boxes, which lie around other boxes.

        Args:
            ours: the detector's boxes, all of them right, around which the true boxes lie, (M, 4) float32 xyxy.
            boxes: the boxes to judge, one for each of them, (M, 4) float32 xyxy.

        Returns:
            The share of the true boxes for each box and each of COCO's 10 IoUs, (M, 10) float64, 0..1.
        """
        around, judged = ours.astype(np.float64), boxes.astype(np.float64)
        true = around[:, None] + self.errors * _sides(around)[:, None]
        low, high = np.maximum(true[..., :2], judged[:, None, :2]), np.minimum(true[..., 2:], judged[:, None, 2:])
        both = (high - low).clip(0).prod(axis=-1)
        areas = (true[..., 2:] - true[..., :2]).prod(axis=-1) + (judged[:, 2:] - judged[:, :2]).prod(axis=-1)[:, None]
        overlap = both / np.maximum(areas - both, 1e-9)
        return np.asarray((overlap[..., None] >= IOUS).mean(axis=1))


def both_chances(a: Found, b: Found, known: BoxReliability) -> tuple[Integers, Doubles, Doubles]:
    """Pairs the boxes of two detectors in a photo, and returns how likely each is right by the scores of both.

    Args:
        a: the boxes of the one detector, K.
        b: the boxes of the other, N.
        known: how reliable the boxes are.

    Returns:
        The position in `b` of each box's partner, (K,) int64, -1 without one; and the chances by the score of the one
        and of the other, each (K + L,) float64, first for the boxes of `a`, then for the L boxes of `b` without a
        partner. The chance is 0 for a detector that hasn't the box.
    """
    partner = pair(a.xyxy, a.class_id, b.xyxy, b.class_id, MATCH_IOU)
    alone = np.ones(len(b.score), np.bool_)
    alone[partner[partner >= 0]] = False
    ours, theirs = known.chances(a.score), known.chances(b.score)
    others = np.where(partner >= 0, np.append(theirs, 0.0)[partner], 0.0)
    return partner, np.append(ours, np.zeros(alone.sum())), np.append(others, theirs[alone])


def variant_weight(
    truth: Sequence[Truth], reference: Sequence[Found], variant: Sequence[Found], known: BoxReliability
) -> float:
    """Returns how much a variant's scores say about its boxes beside the Keras model's, 0..1, by least squares.

    If a variant is only noisy, its scores say as much as the Keras model's, so the weight is a half. If it loses boxes
    that are right, the weight is near 0. It is a half until the differences of some boxes show something else.

    Args:
        truth: the true boxes of each photo.
        reference: the Keras model's boxes in each photo.
        variant: the variant's boxes in each photo.
        known: how reliable the Keras model's boxes are.
    """
    explained, squares = 0.5 * _ASSUMED, _ASSUMED
    for true, a, b in zip(truth, reference, variant, strict=True):
        partner, ours, theirs = both_chances(a, b, known)
        alone = np.setdiff1d(np.arange(len(b.score)), partner)
        right = [pair(one.xyxy, one.class_id, true.xyxy, true.class_id, MATCH_IOU) >= 0 for one in (a, b)]
        hits = np.append(right[0], right[1][alone])
        explained += float(((hits - ours) * (theirs - ours)).sum())
        squares += float(((theirs - ours) ** 2).sum())
    return min(1.0, max(0.0, explained / squares))


def box_reliability(truth: Sequence[Truth], found: Sequence[Found]) -> BoxReliability:
    """Measures how reliable a detector's boxes are.

    Args:
        truth: the true boxes of each photo.
        found: the boxes that the detector found in each photo, the best score first.
    """
    scores, right, errors, wanted = [np.zeros(0)], [np.zeros(0)], [np.zeros((0, 4))], 0
    for true, boxes in zip(truth, found, strict=True):
        partner = pair(boxes.xyxy, boxes.class_id, true.xyxy, true.class_id, MATCH_IOU)
        matched = partner >= 0
        judged = ~matched | ~np.append(true.ignore, False)[partner]  # a box without a partner has the last entry
        scores.append(boxes.score[judged])
        right.append(matched[judged].astype(np.float64))
        ours = boxes.xyxy[matched & judged].astype(np.float64)
        errors.append((true.xyxy[partner[matched & judged]] - ours) / _sides(ours))
        wanted += int((~true.ignore).sum())
    rows, hits = np.concatenate(errors), np.concatenate(right)
    few = rows[:: -(-len(rows) // _MOST_ERRORS)] if len(rows) else np.zeros((1, 4))
    return BoxReliability(*_groups(np.concatenate(scores), hits), float(hits.sum()) / max(wanted, 1), few)


def _groups(scores: Doubles, right: Doubles) -> tuple[Doubles, Doubles]:
    """Returns the mean score and the share of right boxes of each group of similar scores, after two zeros."""
    means = [np.zeros(2)]
    if len(scores):
        groups = np.array_split(np.argsort(scores), -(-len(scores) // _GROUP))
        means += [np.array([scores[group].mean(), right[group].mean()]) for group in groups]
    rows = np.array(means)
    return rows[:, 0], rows[:, 1]


def _sides(boxes: Doubles) -> Doubles:
    """Returns width, height, width and height of boxes, (M, 4) float64, px, at least a millionth."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    return np.concatenate([sides, sides], axis=1)
