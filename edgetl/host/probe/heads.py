"""Judges features by two heads that need no training: nearest neighbours, and ridge regression in closed form.

A study of 42,000 trainings found nearest neighbours on features the best forecast of how well a start fine-tunes
(arXiv 2503.18528). Ridge regression adds what a linear head can use.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgetl.host.probe.ridge import PENALTIES
from edgetl.vision.arrays import ClassIds, Floats, Integers

_NEIGHBOURS = (1, 3, 5, 9, 15, 25)
"""The numbers of neighbours among which each fold chooses by its own training photos."""
_DECIMALS = 4
"""Scores are rounded to this many decimals: rounding errors of float32 would give away a photo's own label in a tie."""
_TINY = 1e-6
"""A feature that varies less than this share of the largest number is constant: its spread would only be noise."""


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What heads say about each photo that they did not learn from.

    Attributes:
        nearest: the class by nearest neighbours, (N,) int64.
        ridge: the score of each class by ridge regression on one-hot labels, (N, C) float32, about 0..1.
    """

    nearest: ClassIds
    ridge: Floats

    def recognised(self, classes: ClassIds) -> Floats:
        """Returns the share of the two heads that recognise each photo, (N,) float64: 0, 0.5 or 1.

        Args:
            classes: the class of each photo, (N,) int64.
        """
        hits = (self.nearest == classes).astype(np.float64) + (self.ridge.argmax(axis=1) == classes)
        return np.asarray(hits / 2)


def cross_validate(features: Floats, classes: ClassIds, count: int, folds: Integers) -> OutOfFold:
    """Trains both heads on all folds but one, and applies them to this one, for each fold.

    Args:
        features: the photos' features, (N, F) float.
        classes: the class of each photo, (N,) int64.
        count: the number of classes C.
        folds: the fold of each photo, (N,) int64.
    """
    products = inner_products(features)
    nearest = np.empty(len(classes), np.int64)
    for fold in np.unique(folds):
        train, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        own, across = products[np.ix_(train, train)], products[np.ix_(held, train)]
        nearest[held] = classify_by_neighbours(own, across, classes[train], count)
    return OutOfFold(nearest, ridge_scores(products, np.eye(count, dtype=np.float32)[classes], folds))


def inner_products(features: Floats) -> Floats:
    """Returns the cosines between all pairs of photos, after each feature has been standardized, (N, N) float32.

    Args:
        features: the photos' features, (N, F) float.
    """
    x = unit_features(features)
    return np.asarray(x @ x.T)


def unit_features(features: Floats) -> Floats:
    """Returns features of which each was standardized over the photos, scaled to length 1 for each photo.

    Args:
        features: the photos' features, (N, F) float.

    Returns:
        The features, (N, F) float32.
    """
    x = standardized(features)
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), _TINY))


def standardized(features: Floats) -> Floats:
    """Returns features with the mean 0 and the standard deviation 1, and 0 for a constant feature, (N, F) float32.

    Args:
        features: the photos' features, (N, F) float of any scale; those of random weights may be as small as 1e-11.
    """
    x = features.astype(np.float32)
    largest = float(np.abs(x).max(initial=0.0))
    x = x / largest if largest else x
    spread = x.std(axis=0)
    varies = spread > _TINY
    return np.asarray((x - x.mean(axis=0)) * varies / np.where(varies, spread, 1))


def classify_by_neighbours(own: Floats, across: Floats, classes: ClassIds, count: int) -> ClassIds:
    """Returns the class of M photos by the votes of their nearest neighbours among N training photos.

    The number of neighbours is the one that recognises most training photos by their own neighbours.

    Args:
        own: the cosines between the training photos, (N, N) float32.
        across: the cosines between the photos and the training photos, (M, N) float32.
        classes: the class of each training photo, (N,) int64.
        count: the number of classes.

    Returns:
        The classes, (M,) int64.
    """
    others = own.copy()
    np.fill_diagonal(others, -np.inf)
    hits = [float((votes == classes).mean()) for votes in _votes(others, classes, count, len(classes) - 1)]
    best = int(np.argmax(hits))
    return _votes(across, classes, count, len(classes) - 1)[best]


def _votes(similar: Floats, classes: ClassIds, count: int, most: int) -> list[ClassIds]:
    """Returns the class of M photos for each number of neighbours up to `most`, of N training photos.

    Args:
        similar: the cosines to the training photos, (M, N) float32.
        classes: the class of each training photo, (N,) int64.
        count: the number of classes.
        most: the largest number of neighbours.
    """
    numbers = [k for k in _NEIGHBOURS if k <= most] or [1]
    nearest = np.argpartition(-similar, numbers[-1] - 1, axis=1)[:, : numbers[-1]]
    by_distance = np.argsort(-np.take_along_axis(similar, nearest, axis=1), axis=1, kind="stable")
    order = np.take_along_axis(nearest, by_distance, axis=1)
    rows, votes = np.arange(len(similar)), np.zeros((len(similar), count), np.float32)
    found = []
    for k in range(numbers[-1]):
        # A nearer neighbour counts a little more, which decides between classes with equally many votes.
        votes[rows, classes[order[:, k]]] += 1 - 1e-3 * k
        if k + 1 in numbers:
            found.append(votes.argmax(axis=1))
    return found


def ridge_scores(products: Floats, targets: Floats, folds: Integers) -> Floats:
    """Returns the scores of each photo by ridge regression on the photos of all other folds.

    One fit on all photos is enough: what it leaves unexplained in a fold, divided by how little it depends on the
    fold's own labels, is what a fit on the other folds leaves unexplained (the hat matrix of least squares). Each fold
    takes the penalty with the smallest squared error in the other folds.

    Args:
        products: the cosines between the photos, (N, N) float32.
        targets: the one-hot classes of the photos, (N, C) float32.
        folds: the fold of each photo, (N,) int64.

    Returns:
        The scores, (N, C) float32, about 0..1.
    """
    middle = products.mean(axis=0)
    values, vectors = np.linalg.eigh(products - middle - middle[:, None] + middle.mean())
    values, wanted = np.maximum(values, 0), targets - targets.mean(axis=0)
    turned, size = vectors.T @ wanted, max(float(values.mean()), _TINY)
    rows = [np.flatnonzero(folds == fold) for fold in np.unique(folds)]
    fits = []
    for penalty in PENALTIES:
        shares = values / (values + penalty * size)
        fits.append(_left_out(vectors, shares, wanted - vectors @ (shares[:, None] * turned), rows))
    errors = np.array([[float((fit[held] ** 2).sum()) for held in rows] for fit in fits])
    best = (errors.sum(axis=1, keepdims=True) - errors).argmin(axis=0)
    scores = targets.copy()
    for held, k in zip(rows, best.tolist(), strict=True):
        scores[held] -= fits[k][held]
    return np.asarray(scores.round(_DECIMALS), np.float32)


def _left_out(vectors: Floats, shares: Floats, residuals: Floats, rows: list[Integers]) -> Floats:
    """Returns what fits without each fold leave unexplained in it, (N, C) float32.

    Args:
        vectors: the eigenvectors of the centred products, (N, N) float32.
        shares: the share of each eigenvector that the fit on all photos follows, (N,) float32, 0..1.
        residuals: what the fit on all photos leaves unexplained, (N, C) float32.
        rows: the positions of the photos of each fold, (M,) int64.
    """
    found = np.empty_like(residuals)
    for held in rows:
        own = (vectors[held] * shares) @ vectors[held].T + 1 / len(vectors)
        found[held] = np.linalg.solve(np.eye(len(held)) - own, residuals[held])
    return found
