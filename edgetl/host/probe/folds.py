"""Splits labelled photos into folds for cross-validation, and says how sure a mean over the folds is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgetl.vision.arrays import ClassIds, Floats, Integers

_MOST_FOLDS = 10
"""Ten folds leave nine tenths of the photos to learn from; more folds take longer and hardly change the mean."""
_T_95 = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833)
"""The 95 % quantiles of Student's t with 1 to 9 degrees of freedom: both tails of a 90 % interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its interval.

    Attributes:
        mean: the mean.
        low: the lower end of the 90 % interval.
        high: the upper end of the 90 % interval.
    """

    mean: float
    low: float
    high: float


def stratified_folds(classes: ClassIds, seed: int = 0) -> Integers:
    """Assigns each photo to a fold, so that the folds have nearly equal numbers of each class.

    There are ten folds, or as many as the smallest class has photos, but at least two.

    Args:
        classes: the class of each photo, (N,) int64.
        seed: the seed of the random order.

    Returns:
        The fold of each photo, (N,) int64, from 0.
    """
    smallest = int(np.unique(classes, return_counts=True)[1].min())
    count = max(2, min(_MOST_FOLDS, smallest))
    order = np.random.default_rng(seed).permutation(len(classes))
    order = order[np.argsort(classes[order], kind="stable")]
    folds = np.empty(len(classes), np.int64)
    folds[order] = np.arange(len(classes)) % count
    return folds


def mean_over_folds(values: Floats, folds: Integers) -> Estimate:
    """Returns the mean of a figure of each photo with its 90 % interval.

    The folds' means scatter less than those of independent trainings would, because any two folds share most of the
    photos that they learn from. The variance is corrected for that (Nadeau and Bengio, "Inference for the
    Generalization Error", 2003).

    Args:
        values: a figure of each photo, for example whether it was recognised, (N,) float64.
        folds: the fold of each photo, (N,) int64.
    """
    means = np.array([values[folds == fold].mean() for fold in np.unique(folds)])
    count = len(means)
    variance = float(means.var(ddof=1)) * (1 / count + 1 / (count - 1))
    mean, half = float(values.mean()), _T_95[count - 2] * math.sqrt(variance)
    return Estimate(mean, mean - half, mean + half)
