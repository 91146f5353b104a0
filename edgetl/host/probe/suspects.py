"""Finds photos whose label is contradicted by heads that did not learn from them.

This is confident learning after Northcutt et al., "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021:
the probability of each class is compared with its mean over the photos of that class, so that classes which are
recognised with less confidence are not accused more often.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgetl.host.probe.heads import unit_features
from edgetl.host.probe.ridge import fit_ridge
from edgetl.vision.arrays import ClassIds, Doubles, Floats, Integers

_SHARPNESS = tuple(np.geomspace(1, 128, 15).tolist())
"""The factors among which scores choose the one that makes the labels most likely; a score lies at about 0..1."""
_NEIGHBOURS = 25
"""At most this many nearest photos say what a photo shows; the farther ones count little."""
_LEAST = 1e-3
"""No class is called less probable than this, 0..1, because a photo has few neighbours."""
_ROWS = 1_000
"""The distances of this many photos to all others are computed at a time, which bounds the memory."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A photo whose label is contradicted.

    Attributes:
        photo: the position of the photo.
        looks_like: the class that it looks like.
        own: the probability of its own class, 0..1.
        other: the probability of the class that it looks like, 0..1.
    """

    photo: int
    looks_like: int
    own: float
    other: float


def find_suspects(features: Floats, classes: ClassIds, count: int, groups: Integers | None = None) -> list[Suspect]:
    """Returns the photos that another class fits better than their own, the clearest contradictions first.

    Heads that recognise the classes no better than a guess accuse nobody.

    Args:
        features: the photos' features, (N, F) float32.
        classes: the class of each photo by its label, (N,) int64.
        count: the number of classes C.
        groups: the number of each photo's group of duplicates, (N,) int64; None if each photo is on its own.
    """
    rows = np.arange(len(classes))
    shares = left_out_probabilities(features, classes, count, rows if groups is None else groups)
    photos = np.bincount(classes, minlength=count)
    usual = np.bincount(classes, weights=shares[rows, classes], minlength=count) / np.maximum(photos, 1)
    fits = np.where(photos > 0, np.log(shares / np.maximum(usual, _LEAST)), -np.inf)
    own = fits[rows, classes].copy()
    fits[rows, classes] = -np.inf
    other = fits.argmax(axis=1)
    margins = own - fits[rows, other]
    recalls = (np.bincount(classes, weights=margins >= 0, minlength=count) / np.maximum(photos, 1))[photos > 0]
    if recalls.mean() <= 1 / len(recalls):
        return []
    found = np.flatnonzero(margins < 0)
    return [
        Suspect(i, int(other[i]), float(shares[i, classes[i]]), float(shares[i, other[i]]))
        for i in found[np.argsort(margins[found], kind="stable")].tolist()
    ]


def left_out_probabilities(features: Floats, classes: ClassIds, count: int, groups: Integers) -> Doubles:
    """Returns the probability of each class for each photo by two heads that learned from no photo of its group.

    Args:
        features: the photos' features, (N, F) float32.
        classes: the class of each photo by its label, (N,) int64.
        count: the number of classes C.
        groups: the number of each photo's group of duplicates, (N,) int64.

    Returns:
        The mean of the probabilities by ridge regression and by nearest neighbours, (N, C) float64, 0..1.
    """
    x = unit_features(features)
    linear = probabilities(fit_ridge(x, classes, count, groups).left_out, classes)
    return np.asarray((linear + np.maximum(_neighbour_shares(x, classes, count, groups), _LEAST)) / 2)


def _neighbour_shares(x: Floats, classes: ClassIds, count: int, groups: Integers) -> Doubles:
    """Returns the share of each class among the nearest photos of other groups, each weighted by one over its rank.

    Args:
        x: the features of length 1, (N, F) float32.
        classes: the class of each photo, (N,) int64.
        count: the number of classes C.
        groups: the number of each photo's group of duplicates, (N,) int64.

    Returns:
        The shares, (N, C) float64, 0..1.
    """
    most = min(_NEIGHBOURS, len(x) - 1)
    weights = 1 / np.arange(1.0, most + 1)
    shares = np.zeros((len(x), count))
    for start in range(0, len(x), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(x)))
        similar = x[rows] @ x.T
        similar[groups[rows][:, None] == groups] = -np.inf
        nearest = np.argsort(-similar, axis=1, kind="stable")[:, :most]
        others = np.isfinite(np.take_along_axis(similar, nearest, axis=1))  # few may be left beside a large group
        for rank, weight in enumerate(weights):
            shares[rows, classes[nearest[:, rank]]] += weight * others[:, rank]
    return np.asarray(shares / np.maximum(shares.sum(axis=1, keepdims=True), 1))


def probabilities(scores: Floats, classes: ClassIds) -> Doubles:
    """Turns scores into probabilities, as sharp as makes the labels most likely.

    Args:
        scores: the score of each class for each photo, (N, C) float32, about 0..1.
        classes: the class of each photo by its label, (N,) int64.

    Returns:
        The probabilities, (N, C) float64, 0..1.
    """
    rows = np.arange(len(classes))
    return max((_softmax(scores, sharp) for sharp in _SHARPNESS), key=lambda p: float(np.log(p[rows, classes]).sum()))


def _softmax(scores: Floats, sharpness: float) -> Doubles:
    raised = np.exp((scores - scores.max(axis=1, keepdims=True)).astype(np.float64) * sharpness)
    return np.asarray(np.maximum(raised / raised.sum(axis=1, keepdims=True), 1e-12))
