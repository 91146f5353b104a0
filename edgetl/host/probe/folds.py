"""Splits labelled photos into folds for cross-validation, and says how sure a mean over the folds is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgetl.vision.arrays import ClassIds, Floats, Integers

_MOST_FOLDS = 10
"""Ten folds leave nine tenths of the photos to learn from; more folds take longer and hardly change the mean."""
_Z_95 = 1.645
"""The 95 % quantile of the normal distribution."""
_T_95 = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833)
"""The 95 % quantiles of Student's t with 1 to 9 degrees of freedom: both tails of a 90 % interval."""


def student_t(freedom: int) -> float:
    """Returns the 95 % quantile of Student's t, so that a 90 % interval reaches as many standard errors either way.

    Args:
        freedom: the degrees of freedom, at least 1.
    """
    return _T_95[freedom - 1] if freedom <= len(_T_95) else _Z_95 + 1.6 / freedom


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


def stratified_folds(classes: ClassIds, seed: int = 0, groups: Integers | None = None) -> Integers:
    """Assigns each photo to a fold, so that the folds have nearly equal numbers of each class.

    There are ten folds, or half as many as photos or groups, but at least two. Classes with fewer photos than folds are
    spread over some of the folds.

    Args:
        classes: the class of each photo, (N,) int64.
        seed: the seed of the random order.
        groups: the number of each photo's group, (N,) int64; a group stays in one fold. None if each photo is on its
            own.

    Returns:
        The fold of each photo, (N,) int64, from 0.
    """
    own = np.arange(len(classes)) if groups is None else groups
    _, first, member, sizes = np.unique(own, return_index=True, return_inverse=True, return_counts=True)
    count = max(2, min(_MOST_FOLDS, len(first) // 2))
    order = _order_by_class(classes[first], np.random.default_rng(seed))
    order = order[np.lexsort((-sizes[order], classes[first][order]))]  # groups of one size are dealt out in turn
    folds = np.empty(len(first), np.int64)
    folds[order] = np.arange(len(first)) % count
    return np.asarray(folds[member])


def stratified_parts(classes: ClassIds, share: float, count: int, rng: np.random.Generator) -> Iterator[Integers]:
    """Yields random parts of the photos, each with the same share of every class, and at least one photo of it.

    The parts are disjoint as far as possible.

    Args:
        classes: the class of each photo, (N,) int64.
        share: the share of the photos in a part, 0..1.
        count: the number of parts.
        rng: the generator of the random order.

    Yields:
        The positions of the photos of a part, (P,) int64.
    """
    members: list[Integers] = []
    for number in range(count):
        turn = number % max(1, round(1 / share))
        if turn == 0:
            order = _order_by_class(classes, rng)
            members = np.split(order, np.flatnonzero(np.diff(classes[order])) + 1)
        yield np.concatenate([_turn(own, max(1, round(share * len(own))), turn) for own in members])


def _turn(members: Integers, takes: int, turn: int) -> Integers:
    """Returns some of the members of a class, (takes,) int64: the first ones, or those of a later turn.

    Args:
        members: the positions of the photos of a class, (N,) int64.
        takes: the number of photos to take in each turn.
        turn: the number of the turn, from 0.
    """
    return np.asarray(np.take(members, np.arange(turn * takes, (turn + 1) * takes), mode="wrap"))


def _order_by_class(classes: ClassIds, rng: np.random.Generator) -> Integers:
    """Returns the positions of all photos, class by class, in random order within each class.

    Args:
        classes: the class of each photo, (N,) int64.
        rng: the generator of the random order.

    Returns:
        The positions, (N,) int64.
    """
    order = rng.permutation(len(classes))
    return np.asarray(order[np.argsort(classes[order], kind="stable")])


def mean_over_folds(values: Floats, folds: Integers) -> Estimate:
    """Returns the mean of a figure of each photo with its 90 % interval.

    The folds' means scatter less than those of independent trainings would, because any two folds share most of the
    photos that they learn from. The variance is corrected for that (Nadeau and Bengio, "Inference for the
    Generalization Error", 2003). The folds' means can also be equal by chance, so the interval is at least as wide
    as that of independent values, and reaches about two photos' share either way.

    Args:
        values: a figure of each photo, for example whether it was recognised, (N,) float64.
        folds: the fold of each photo, (N,) int64.
    """
    means = np.array([values[folds == fold].mean() for fold in np.unique(folds)])
    count = len(means)
    variance = float(means.var(ddof=1)) * (1 / count + 1 / (count - 1))
    photos, mean = len(values), float(values.mean())
    least = _Z_95 * max(float(values.std()) / math.sqrt(photos), 1 / (photos + 2))
    half = max(student_t(count - 1) * math.sqrt(variance), least)
    return Estimate(mean, mean - half, mean + half)
