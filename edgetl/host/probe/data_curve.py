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
from edgetl.host.probe.head_errors import HeadErrors
from edgetl.host.probe.heads import unit_features
from edgetl.host.probe.power_law import fit_power_law
from edgetl.host.probe.ridge import fit_ridge
from edgetl.vision.arrays import ClassIds, Doubles, Floats, Integers, Mask

_PARTS = {1 / 8: 8, 1 / 4: 4, 1 / 2: 4, 1: 1}
"""The shares of the training photos that the head learns from, and the number of random parts of each size."""
_MOST_PHOTOS = 4_000
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
        discordant: the number of photos on which two heads from different photos disagree in being right, for each
            error that one of them makes.
    """

    photos: int
    measured: tuple[CurvePoint, ...]
    fitted: tuple[CurvePoint, ...]
    draws: Floats
    corrected: Doubles
    corrected_of: Doubles
    discordant: float

    def gain(self, wrong: Mask) -> Estimate:
        """Returns what twice the photos should add to the accuracy of a network, 0..1, with its 90 % interval.

        The network is assumed to correct about the same share of its errors as the head does. The interval is that of
        the gain that a second training will measure on the same validation photos. Two trainings differ by chance as
        well, because each recognises some photos that the other does not.

        Args:
            wrong: whether the network is wrong on each validation photo, (V,) bool.
        """
        spread = math.log(_FACTOR) / NormalDist().inv_cdf(1 - _TAIL / 100)
        rng, count = np.random.default_rng(0), len(self.corrected)
        shares = np.minimum(self.corrected * rng.lognormal(0.0, spread, count), 1)
        gains = (self.draws @ wrong.astype(np.float32)).astype(np.float64) * shares
        share = (float(wrong.sum()) + 1) / (len(wrong) + 2)  # not 0 if no photo is wrong by chance
        chance = math.sqrt(min(self.discordant * share, 1) / len(wrong))
        return _estimate(gains + chance * rng.standard_normal(count), float(np.median(gains)))


@dataclass(frozen=True, slots=True)
class Labelled:
    """The features of N photos with their classes.

    Attributes:
        features: the features, (N, F) float32.
        classes: the class of each photo, (N,) int64.
    """

    features: Floats
    classes: ClassIds


def measure_curve(
    train: Labelled,
    val: Labelled,
    count: int,
    seed: int = 0,
    photos: int | None = None,
    clusters: Integers | None = None,
) -> DataCurve | None:
    """Measures the head with an eighth, a quarter, half and all of the training photos.

    Args:
        train: the training photos.
        val: the validation photos.
        count: the number of classes.
        seed: the seed of the random parts and of the resampling.
        photos: the number of all training photos, if those of `train` are a sample of them.
        clusters: the number of the cluster of each validation photo, (V,) int64, such as the photo that a crop comes
            from; a cluster is drawn as a whole. None if each photo is on its own.

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
    draws = _draws(np.arange(len(val.classes)) if clusters is None else clusters, rng)
    return _fit_curve(HeadErrors(photos or len(train.classes), sizes, wrong, val.classes, count), draws, rng)


def _draws(clusters: Integers, rng: np.random.Generator) -> Floats:
    """Draws the clusters of the V validation photos with replacement.

    Args:
        clusters: the number of the cluster of each photo, (V,) int64.
        rng: the generator of the draws.

    Returns:
        The weights of the photos, (400, V) float32, each row with the sum 1.
    """
    member = np.unique(clusters, return_inverse=True)[1]
    count = int(member.max()) + 1
    drawn = rng.multinomial(count, np.full(count, 1 / count), _RESAMPLED)[:, member]
    return np.asarray(drawn / drawn.sum(axis=1, keepdims=True), np.float32)


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


def _fit_curve(measured: HeadErrors, draws: Floats, rng: np.random.Generator) -> DataCurve:
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
        measured.discordant(),
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
