"""Estimates without labels how much accuracy a variant loses: from its answers that differ, and Keras's own outputs.

A variant can lose accuracy only where its answer differs from the Keras model's. What a different answer costs follows
from how sure the Keras model was, so photos without labels tell more than as many with them: a file that
exchanges two nearly equal classes loses nothing, and one that turns sure answers over loses all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgetl.card import ModelCard
from edgetl.host.convert.gate.box_agreement import agreement
from edgetl.host.convert.gate.box_reliability import BoxReliability, both_chances
from edgetl.host.dataset.boxes.truth import Found
from edgetl.manifest import Unlabelled
from edgetl.vision.arrays import Doubles, Scores

_LEAST_BOXES = 1.0
"""A class counts if the Keras model expects at least this many true boxes of it in the photos: the average precision of
a fraction of a box means nothing."""


def compare_scores(reference: Scores, variant: Scores) -> Unlabelled:
    """Compares the scores of two classifiers on the same photos.

    If the variant answers with another class, the photo's expected loss is the Keras model's score of its own class
    less its score of the variant's class: the difference of the chances that these are right.

    Args:
        reference: the Keras model's scores, (N, C) float32, 0..1.
        variant: the variant's scores, (N, C) float32, 0..1.
    """
    ours, theirs = reference.argmax(axis=1), variant.argmax(axis=1)
    rows = np.arange(len(reference))
    loss = reference[rows, ours] - reference[rows, theirs]
    return Unlabelled(len(rows), len(rows), float((ours == theirs).mean()), float(loss.mean()))


def compare_boxes(
    reference: Sequence[Found], variant: Sequence[Found], card: ModelCard, known: BoxReliability, weight: float
) -> Unlabelled:
    """Compares the boxes of two detectors in the same photos.

    Each box is right with the chance that boxes of its score had in the validation photos: a weighted mean of the
    chances by both scores, where a box that one of the detectors hasn't has the chance 0 there. At each IoU, the chance
    is that of reaching it, over true boxes that lie around the Keras model's box as they did in the validation photos.
    The average precision of both detectors is computed with these chances in place of hits; the expected drop is the
    difference.

    Args:
        reference: the Keras model's boxes in each photo, including boxes well below the display thresholds.
        variant: the variant's boxes in each photo.
        card: the card with the display thresholds and the labels.
        known: how reliable the Keras model's boxes are.
        weight: the weight of the variant's scores, 0..1; see `variant_weight`.
    """
    unit = np.array([[0, 0, 1, 1]], np.float32)
    own = known.reached(unit, unit)
    ours, theirs = [np.zeros((0, own.size))], [np.zeros((0, own.size))]
    for a, b in zip(reference, variant, strict=True):
        partner, chances, others = both_chances(a, b, known)
        chances = ((1 - weight) * chances + weight * others)[:, None]
        left, right = np.flatnonzero(partner >= 0), partner[partner >= 0]
        inherited = np.zeros((len(b.score), own.size))
        inherited[right] = chances[left] * known.reached(a.xyxy[left], b.xyxy[right])
        inherited[np.setdiff1d(np.arange(len(b.score)), right)] = chances[len(a.score) :] * own
        ours.append(chances[: len(a.score)] * own)
        theirs.append(inherited)
    columns = (_columns(reference, ours), _columns(variant, theirs))
    drops = known.recall * _mean_drop(*columns, len(card.labels))
    found = agreement(reference, variant, card)
    drop, map50_drop = float(drops.mean()), float(drops[0])
    return Unlabelled(len(reference), found.boxes, found.share, drop, map50_drop, weight)


_Columns = tuple[Scores, Doubles, Doubles]
"""All boxes of a detector: scores, (N,) float32; classes, (N,) int64; chances to reach each IoU, (N, 10) float64."""


def _columns(found: Sequence[Found], chances: Sequence[Doubles]) -> _Columns:
    scores = np.concatenate([np.zeros(0, np.float32), *(one.score for one in found)])
    classes = np.concatenate([np.zeros(0, np.int64), *(one.class_id for one in found)])
    return scores, classes, np.concatenate(chances)


def _mean_drop(ours: _Columns, theirs: _Columns, classes: int) -> Doubles:
    """Returns the mean loss of average precision over the classes at each IoU, (10,) float64, -1..1."""
    drops = []
    for label in range(classes):
        (score, chances), (other_score, other_chances) = (
            (scores[kind == label], rows[kind == label]) for scores, kind, rows in (ours, theirs)
        )
        expected = chances[:, 0].sum()
        if expected >= _LEAST_BOXES:
            drops.append((_precision(score, chances) - _precision(other_score, other_chances)) / expected)
    return np.mean(drops, axis=0) if drops else np.zeros(ours[2].shape[1])


def _precision(scores: Scores, chances: Doubles) -> Doubles:
    """Returns the sum of COCO's interpolated precision over the right boxes of one class at each IoU, (10,) float64."""
    ordered = chances[np.argsort(-scores, kind="stable")]
    precision = ordered.cumsum(axis=0) / np.arange(1, len(ordered) + 1)[:, None]
    best_below = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    return np.asarray((ordered * best_below).sum(axis=0))
