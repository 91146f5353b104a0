"""Tables of a classifier's figures for its report: mix-ups, display thresholds, worst mistakes, confidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgetl.host.evaluate.top1 import ClassifierRow, Evaluation

_THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""The display thresholds of the table, 0..1."""


@dataclass(frozen=True, slots=True)
class WrongPhoto:
    """A photo whose predicted class is wrong.

    Attributes:
        photo: the photo file.
        truth: the true label.
        predicted: the predicted label.
        score: the score of the predicted label, 0..1.
    """

    photo: Path
    truth: str
    predicted: str
    score: float


@dataclass(frozen=True, slots=True)
class MixUp:
    """Photos of one class for which another class was predicted.

    Attributes:
        truth: the true label.
        predicted: the predicted label.
        count: the number of such photos.
        share: the share of these photos among all photos of the true class, 0..1.
    """

    truth: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """The effect of a display threshold.

    Attributes:
        threshold: the display threshold, 0..1.
        answered: the share of photos whose best score reaches the threshold, 0..1.
        right: the share of correct predictions among the answered photos, 0..1; NaN if none is answered.
    """

    threshold: float
    answered: float
    right: float


def weakest_classes(evaluation: Evaluation) -> list[ClassifierRow]:
    """Returns a row for each class, the lowest F1 first, and classes without an F1 last."""
    return sorted(evaluation.class_rows(), key=lambda row: (math.isnan(row.f1), row.f1, row.label))


def worst_mistakes(evaluation: Evaluation, photos: Sequence[Path], most: int = 24) -> list[WrongPhoto]:
    """Returns the photos that were predicted wrongly, the most confident first.

    Args:
        evaluation: the evaluation of N photos.
        photos: the N photo files, in the order of the evaluation.
        most: the largest number of photos to return.
    """
    predicted, labels = evaluation.predicted, evaluation.labels
    wrong = np.flatnonzero(predicted != evaluation.truth)
    scores = evaluation.scores[wrong, predicted[wrong]]
    return [
        WrongPhoto(
            photos[n], labels[evaluation.truth[n]], labels[predicted[n]], float(evaluation.scores[n, predicted[n]])
        )
        for n in wrong[np.argsort(-scores, kind="stable")][:most]
    ]


def mix_ups(evaluation: Evaluation, most: int = 10) -> list[MixUp]:
    """Returns the pairs of classes that were mixed up in the most photos.

    Args:
        evaluation: the evaluation.
        most: the largest number of pairs to return.
    """
    confusion, labels = evaluation.confusion, evaluation.labels
    photos = confusion.sum(axis=1)
    wrong = confusion - np.diag(confusion.diagonal())
    order = np.argsort(-wrong, axis=None, kind="stable")[: min(most, np.count_nonzero(wrong))]
    pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
    return [MixUp(labels[t], labels[p], int(wrong[t, p]), float(wrong[t, p] / photos[t])) for t, p in pairs]


def threshold_rows(evaluation: Evaluation) -> list[ThresholdRow]:
    """Returns the share of answered photos, and of right ones among them, at display thresholds from 0 to 0.99."""
    if not len(evaluation.truth):
        return []
    best, right = evaluation.scores.max(axis=1), evaluation.predicted == evaluation.truth
    answered = [(threshold, best >= threshold) for threshold in _THRESHOLDS]
    return [ThresholdRow(t, float(a.mean()), float(right[a].mean()) if a.any() else math.nan) for t, a in answered]


def confidence_interval(share: float, count: int) -> tuple[float, float]:
    """Returns the 95 % confidence interval of a measured share (Wilson 1927).

    Args:
        share: the measured share, 0..1.
        count: the number of photos that it was measured on.

    Returns:
        The lower and the upper bound, 0..1; NaN without photos.
    """
    if not count:
        return math.nan, math.nan
    z = 1.96
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - half) / (1 + z * z / count), (middle + half) / (1 + z * z / count)
