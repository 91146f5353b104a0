"""Estimates what more photos would bring: the accuracy of a closed-form head against the number of its training photos.

The head learns from random parts of the training photos, on features that were computed once, and is measured on the
validation photos. A power law is fitted to its errors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from edgetl.host.probe.folds import Estimate, stratified_parts
from edgetl.host.probe.heads import unit_features
from edgetl.host.probe.power_law import fit_power_law
from edgetl.host.probe.ridge import fit_ridge
from edgetl.vision.arrays import ClassIds, Doubles, Floats, Integers, Mask

_PARTS = {1 / 8: 8, 1 / 4: 4, 1 / 2: 4, 1: 1}
"""The shares of the training photos that the head learns from, and the number of random parts of each size."""
_MOST_PHOTOS = 8_000
"""The head learns from at most this many photos, in seconds; the fit continues the curve to the number of all."""
_LEAST_SIZES = 3
"""A power law has three numbers, which fewer sizes of parts don't determine."""
_RESAMPLED = 400
"""The validation photos and the parts are drawn anew this many times for the intervals."""
_DRAWN = 25
"""The fitted curve is drawn through this many points."""
_FACTOR = 2.0
"""The whole network corrects between this many times fewer and more of its errors than the head, with 90 %.

This is an assumption: the head can't know how much the features themselves improve with more photos.
"""
_PRIOR = 10.0
"""A class is judged as if it had this many wrong photos more, corrected as often as those of all classes."""
_TAIL = 5
"""The percentage of the resamplings beyond either end of an interval, which leaves 90 %."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The head's accuracy with some number of training photos.

    Attributes:
        photos: the number of training photos.
        accuracy: the share of the validation photos that the head recognises, 0..1, with its 90 % interval.
    """

    photos: float
    accuracy: Estimate


@dataclass(frozen=True, slots=True, eq=False)
class DataCurve:
    """The head's accuracy against the number of training photos.

    Attributes:
        photos: the number of all training photos.
        measured: the measured points, the fewest photos first.
        fitted: the points of the power law, from the fewest photos to twice all photos.
        draws: the weights of the V validation photos in R resamplings, (R, V) float32, each row with the sum 1.
        corrected: the share of the errors that twice the photos correct in each resampling, (R,) float64, 0..1.
        corrected_of: the share of the errors of each class that twice the photos correct, (C,) float64, 0..1.
    """

    photos: int
    measured: tuple[CurvePoint, ...]
    fitted: tuple[CurvePoint, ...]
    draws: Floats
    corrected: Doubles
    corrected_of: Doubles

    def gain(self, wrong: Mask) -> Estimate:
        """Returns what twice the photos should add to the accuracy of a network, 0..1, with its 90 % interval.

        The network is assumed to correct about the same share of its errors as the head does.

        Args:
            wrong: whether the network is wrong on each validation photo, (V,) bool.
        """
        spread = math.log(_FACTOR) / NormalDist().inv_cdf(1 - _TAIL / 100)
        factors = np.random.default_rng(0).lognormal(0.0, spread, len(self.corrected))
        shares = np.minimum(self.corrected * factors, 1)
        return _estimate((self.draws @ wrong.astype(np.float32)).astype(np.float64) * shares)


@dataclass(frozen=True, slots=True)
class Labelled:
    """The features of N photos with their classes.

    Attributes:
        features: the features, (N, F) float32.
        classes: the class of each photo, (N,) int64.
    """

    features: Floats
    classes: ClassIds


def measure_curve(train: Labelled, val: Labelled, count: int, seed: int = 0) -> DataCurve | None:
    """Measures the head with an eighth, a quarter, half and all of the training photos.

    Args:
        train: the training photos.
        val: the validation photos.
        count: the number of classes.
        seed: the seed of the random parts and of the resampling.

    Returns:
        The curve, or None if the classes have too few photos for parts of three sizes.
    """
    rng = np.random.default_rng(seed)
    parts = list(_random_parts(train.classes, rng))
    sizes = np.array([len(part) for part in parts], np.int64)
    if len(np.unique(sizes)) < _LEAST_SIZES or not len(val.classes):
        return None
    x = unit_features(np.concatenate([train.features, val.features]))
    wrong = np.stack([_wrong(x, train.classes, part, val.classes, count) for part in parts])
    photos = len(val.classes)
    drawn = rng.multinomial(photos, np.full(photos, 1 / photos), _RESAMPLED)
    draws = np.asarray(drawn / photos, np.float32)
    return _fit_curve(_Measured(len(train.classes), sizes, wrong, val.classes, count), draws, rng)


def _random_parts(classes: ClassIds, rng: np.random.Generator) -> Iterator[Integers]:
    """Yields the positions of the photos of each part, (P,) int64.

    Args:
        classes: the class of each training photo, (N,) int64.
        rng: the generator of the random order.
    """
    most = min(1.0, _MOST_PHOTOS / len(classes))
    for share, count in _PARTS.items():
        yield from stratified_parts(classes, share * most, count, rng)


def _wrong(x: Floats, classes: ClassIds, part: Integers, truth: ClassIds, count: int) -> Mask:
    """Returns whether the head is wrong on each of V validation photos after it learned from a part, (V,) bool.

    Args:
        x: the features of the N training photos, then of the validation photos, (N + V, F) float32.
        classes: the class of each training photo, (N,) int64.
        part: the positions of the training photos to learn from, (P,) int64.
        truth: the class of each validation photo, (V,) int64.
        count: the number of classes.
    """
    fitted = fit_ridge(x[part], classes[part], count)
    return np.asarray(fitted.scores(x[len(classes) :]).argmax(axis=1) != truth)


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """The errors of the head after it learned from P parts.

    Attributes:
        photos: the number of all training photos.
        sizes: the number of photos of each part, (P,) int64.
        wrong: whether each of V validation photos is wrong after each part, (P, V) bool.
        truth: the class of each validation photo, (V,) int64.
        count: the number of classes C.
    """

    photos: int
    sizes: Integers
    wrong: Mask
    truth: ClassIds
    count: int

    def mean_wrong(self) -> Doubles:
        """Returns how often each validation photo is wrong at each of S sizes, (S, V) float64, 0..1."""
        return np.stack([self.wrong[self.sizes == size].mean(axis=0) for size in np.unique(self.sizes)])

    def errors(self, draws: Floats, rng: np.random.Generator) -> Doubles:
        """Returns the error at each of S sizes in R resamplings of photos and parts, (R, S) float64, 0..1.

        Args:
            draws: the weights of the validation photos, (R, V) float32.
            rng: the generator of the parts that are drawn.
        """
        by_part = draws @ self.wrong.T.astype(np.float32)
        columns = []
        for size in np.unique(self.sizes):
            own = by_part[:, self.sizes == size]
            drawn = rng.integers(0, own.shape[1], own.shape)
            columns.append(np.take_along_axis(own, drawn, axis=1).mean(axis=1))
        return np.stack(columns, axis=1).astype(np.float64)

    def corrected_by_class(self, overall: float) -> Doubles:
        """Returns the share of the errors of each class that twice the photos correct, (C,) float64, 0..1.

        A class is judged by how many of its errors the head corrected from each size to the next.

        Args:
            overall: this share of all classes together, 0..1.
        """
        wrong = self.mean_wrong()
        before = np.bincount(self.truth, weights=wrong[:-1].sum(axis=0), minlength=self.count)
        fewer = np.bincount(self.truth, weights=(wrong[:-1] - wrong[1:]).sum(axis=0), minlength=self.count)
        usual = max(float(fewer.sum()), 0.0) / max(float(before.sum()), 1.0)
        shares = np.maximum(fewer + _PRIOR * usual, 0) / (before + _PRIOR)
        return np.asarray(np.minimum(shares * (overall / usual if usual else 0.0), 1))


def _fit_curve(measured: _Measured, draws: Floats, rng: np.random.Generator) -> DataCurve:
    """Fits the power law to the mean errors and to those of each resampling.

    Args:
        measured: the errors of the head.
        draws: the weights of the V validation photos in R resamplings, (R, V) float32.
        rng: the generator of the parts that are drawn.
    """
    sizes, photos = np.unique(measured.sizes).astype(np.float64), measured.photos
    mean, errors = measured.mean_wrong().mean(axis=1), measured.errors(draws, rng)
    best, laws = fit_power_law(sizes, mean[None]), fit_power_law(sizes, errors)
    points = zip(sizes.tolist(), mean.tolist(), errors.T, strict=True)
    drawn = np.geomspace(sizes[0], 2 * photos, _DRAWN).tolist()
    now, twice = laws.error(photos), laws.error(2 * photos)
    # A head without errors can't tell; with twice the photos, a power law corrects at most half of them.
    corrected = np.divide(now - twice, now, out=rng.uniform(0, 0.5, len(now)), where=now > 0)
    return DataCurve(
        photos,
        tuple(CurvePoint(size, _estimate(1 - row, 1 - error)) for size, error, row in points),
        tuple(CurvePoint(size, _estimate(1 - laws.error(size), 1 - float(best.error(size)[0]))) for size in drawn),
        draws,
        corrected,
        measured.corrected_by_class(float(np.median(corrected))),
    )


def _estimate(values: Doubles, middle: float = math.nan) -> Estimate:
    """Returns the 90 % interval of resampled values, around a value or their median.

    Args:
        values: the values, (R,) float64.
        middle: the value; NaN stands for the median.
    """
    low, median, high = (float(value) for value in np.percentile(values, (_TAIL, 50, 100 - _TAIL)))
    middle = median if math.isnan(middle) else middle
    return Estimate(middle, min(low, middle), max(high, middle))
