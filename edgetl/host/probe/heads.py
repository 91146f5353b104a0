"""Judges features by two heads that need no training: nearest neighbours, and ridge regression in closed form.

A study of 42,000 trainings found nearest neighbours on features the best forecast of how well a start fine-tunes
(arXiv 2503.18528). Ridge regression adds what a linear head can use.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgetl.vision.arrays import ClassIds, Floats, Integers

_NEIGHBOURS = (1, 3, 5, 9, 15, 25)
"""The numbers of neighbours among which each fold chooses by its own training photos."""
_PENALTIES = (0.01, 0.1, 1.0, 10.0)
"""The ridge penalties among which each fold chooses, as multiples of the mean eigenvalue."""
_TINY = 1e-6
"""A feature that varies less than this is constant; dividing by its spread would only raise noise."""


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
    nearest, ridge = np.empty(len(classes), np.int64), np.empty((len(classes), count), np.float32)
    targets = np.eye(count, dtype=np.float32)[classes]
    for fold in np.unique(folds):
        train, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        own, across = products[np.ix_(train, train)], products[np.ix_(held, train)]
        nearest[held] = classify_by_neighbours(own, across, classes[train], count)
        ridge[held] = ridge_scores(own, across, targets[train])
    return OutOfFold(nearest, ridge)


def inner_products(features: Floats) -> Floats:
    """Returns the cosines between all pairs of photos, after each feature has been standardized, (N, N) float32.

    Args:
        features: the photos' features, (N, F) float.
    """
    x = features.astype(np.float32)
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > _TINY, spread, 1)
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), _TINY)
    return np.asarray(x @ x.T)


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
    order = np.argsort(-similar, axis=1, kind="stable")[:, : numbers[-1]]
    rows, votes = np.arange(len(similar)), np.zeros((len(similar), count), np.float32)
    found = []
    for k in range(numbers[-1]):
        # A nearer neighbour counts a little more, which decides between classes with equally many votes.
        votes[rows, classes[order[:, k]]] += 1 - 1e-3 * k
        if k + 1 in numbers:
            found.append(votes.argmax(axis=1))
    return found


def ridge_scores(own: Floats, across: Floats, targets: Floats) -> Floats:
    """Returns the scores of M photos by ridge regression on N training photos, in closed form.

    The penalty is the one with the smallest squared error when each training photo is left out in turn, which needs no
    further fit.

    Args:
        own: the cosines between the training photos, (N, N) float32.
        across: the cosines between the photos and the training photos, (M, N) float32.
        targets: the one-hot classes of the training photos, (N, C) float32.

    Returns:
        The scores, (M, C) float32, about 0..1.
    """
    middle = own.mean(axis=0)
    centred = own - middle - middle[:, None] + middle.mean()
    moved = across - across.mean(axis=1, keepdims=True) - middle + middle.mean()
    prior = targets.mean(axis=0)
    values, vectors = np.linalg.eigh(centred)
    values, turned = np.maximum(values, 0), vectors.T @ (targets - prior)
    size, best = max(float(values.mean()), _TINY), (np.inf, np.zeros_like(targets))
    for penalty in _PENALTIES:
        inverse = 1 / (values + penalty * size)
        weights = vectors @ (inverse[:, None] * turned)
        alone = weights / ((vectors**2) @ inverse)[:, None]  # the error of each photo when it is left out
        best = min(best, (float((alone**2).mean()), weights), key=lambda pair: pair[0])
    return np.asarray(prior + moved @ best[1], np.float32)
