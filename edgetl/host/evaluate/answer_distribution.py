"""Describes a model's answers on its validation photos for the card, so that a running device can compare its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgetl.card import InputSpec, ModelCard
from edgetl.host.dataset.boxes.truth import Found
from edgetl.host.dataset.photo_set import PhotoSet
from edgetl.validation_profile import ValidationProfile
from edgetl.vision.arrays import ClassIds, Doubles, Scores
from edgetl.vision.filter import class_thresholds, reaches
from edgetl.vision.preprocess import GREY
from edgetl.vision.shares import BRIGHTNESS_BINS, SCORE_BINS, histogram
from edgetl.vision.uncertainty import entropies, margins

_MOST_PHOTOS = 500
"""The brightness of at most this many photos is measured; more hardly change its distribution."""
_LUMINANCE = np.array((0.299, 0.587, 0.114))
"""The luminance of a colour is its red, green and blue in these shares (ITU-R BT.601), (3,) float64."""


def classifier_profile(card: ModelCard, scores: Scores, photos: PhotoSet) -> ValidationProfile:
    """Describes the answers of a classifier.

    Args:
        card: the classifier's card.
        scores: the scores of N validation photos, (N, C) float32, 0..1.
        photos: the N photos.
    """
    best = scores.max(axis=1)
    answered = best >= np.float32(card.classifier.threshold)
    return ValidationProfile(
        photos=len(scores),
        score=histogram(best, SCORE_BINS),
        margin=histogram(margins(scores), SCORE_BINS),
        entropy=histogram(entropies(scores), SCORE_BINS),
        classes=_class_shares(scores.argmax(axis=1)[answered], int((~answered).sum()), len(card.labels)),
        brightness=histogram(brightness(photos, card.input), BRIGHTNESS_BINS, 256.0),
    )


def detector_profile(card: ModelCard, found: Sequence[Found], photos: PhotoSet) -> ValidationProfile:
    """Describes the answers of a detector: the objects that reach its display thresholds.

    Args:
        card: the detector's card with its thresholds.
        found: the boxes found in each of N validation photos.
        photos: the N photos.
    """
    thresholds = class_thresholds(card.detector.thresholds, len(card.labels))
    shown = [reaches(boxes.score, boxes.class_id, thresholds) for boxes in found]
    score = np.concatenate([np.empty(0, np.float32), *(b.score[rows] for b, rows in zip(found, shown, strict=True))])
    ids = np.concatenate([np.empty(0, np.int64), *(b.class_id[rows] for b, rows in zip(found, shown, strict=True))])
    return ValidationProfile(
        photos=len(found),
        score=histogram(score, SCORE_BINS),
        margin=(),
        entropy=(),
        classes=_class_shares(ids, sum(not rows.any() for rows in shown), len(card.labels)),
        brightness=histogram(brightness(photos, card.input), BRIGHTNESS_BINS, 256.0),
    )


def brightness(photos: PhotoSet, spec: InputSpec) -> Doubles:
    """Returns the mean brightness of the photos without the bars of a letterbox, (K,) float64, 0..255.

    Args:
        photos: the photos, of which K are measured.
        spec: the model's input.
    """
    step = max(1, -(-len(photos) // _MOST_PHOTOS))
    weights = _LUMINANCE if spec.color == "rgb" else _LUMINANCE[::-1]
    means = []
    for position in range(0, len(photos), step):
        pixels = photos.batch(slice(position, position + 1))[0].reshape(-1, 3)
        if spec.resize == "letterbox" and (seen := (pixels != GREY).any(axis=1)).any():
            pixels = pixels[seen]
        means.append(float(pixels.mean(axis=0, dtype=np.float64) @ weights))
    return np.array(means, np.float64)


def _class_shares(ids: ClassIds, nothing: int, classes: int) -> tuple[float, ...]:
    """Returns the share of the answers for each class, and last of those that name no class."""
    counts = np.append(np.bincount(ids, minlength=classes), nothing)
    return tuple(round(share, 5) for share in (counts / max(1, counts.sum())).tolist())
