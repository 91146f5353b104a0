"""Fits ridge regression on one-hot labels in closed form, with the scores of each photo by the fit on others.

The time grows with the smaller of the numbers of photos and of features, so that many photos cost seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgetl.vision.arrays import ClassIds, Floats, Integers

PENALTIES = (0.01, 0.1, 1.0, 10.0)
"""The ridge penalties among which a fit chooses by its own training photos, as multiples of the mean eigenvalue."""
_RELATIVE = 1e-6
"""Directions with less than this share of the largest eigenvalue are rounding errors of float32."""
_TINY = 1e-9
"""The smallest mean eigenvalue and the smallest share of a photo that others explain; it avoids divisions by zero."""


@dataclass(frozen=True, slots=True, eq=False)
class Ridge:
    """A fitted head.

    Attributes:
        weights: the weight of each feature for each class, (F, C) float32.
        offset: the score of each class where all features are 0, (C,) float32.
        left_out: the scores of each training photo by the fit on all photos of other groups, (N, C) float32, about
            0..1.
    """

    weights: Floats
    offset: Floats
    left_out: Floats

    def scores(self, x: Floats) -> Floats:
        """Returns the scores of M photos, (M, C) float32, about 0..1.

        Args:
            x: the features of the photos, (M, F) float32.
        """
        return np.asarray(x @ self.weights + self.offset, np.float32)


def fit_ridge(x: Floats, classes: ClassIds, count: int, groups: Integers | None = None) -> Ridge:
    """Fits the penalty with the smallest squared error when each group is left out in turn, which needs no further fit.

    Photos of rare classes count more, as in the training of a network.

    Args:
        x: the features of N photos, (N, F) float32, see `edgetl.host.probe.heads.unit_features`.
        classes: the class of each photo, (N,) int64.
        count: the number of classes C.
        groups: the number of each photo's group of duplicates, (N,) int64; None if each photo is on its own.
    """
    targets, weights = np.eye(count, dtype=np.float32)[classes], _photo_weights(classes)
    middle, prior = weights @ x / weights.sum(), weights @ targets / weights.sum()
    root = np.sqrt(weights)[:, None]
    centred, wanted = root * (x - middle), root * (targets - prior)
    values, axes = _principal_axes(centred)
    turned = centred @ axes
    products, size = turned.T @ wanted, max(float(values.sum()) / len(x), _TINY)
    several = [] if groups is None else _groups_of_several(groups)
    best: tuple[float, Floats, Floats] = (np.inf, np.empty(0, np.float32), np.empty(0, np.float32))
    for penalty in PENALTIES:
        inverse = (1 / (values + penalty * size)).astype(np.float32)
        learned = inverse[:, None] * products
        own = (turned**2) @ inverse + weights / weights.sum()  # how much of a score comes from the photo's own label
        alone = (wanted - turned @ learned) / np.maximum(1 - own, _TINY)[:, None]
        for members in several:
            alone[members] = _left_out_together(turned, inverse, root, wanted, learned, members)
        best = min(best, (float((alone**2).mean()), learned, alone), key=lambda fit: fit[0])
    slopes, left_out = axes @ best[1], targets - best[2] / root
    return Ridge(slopes, np.asarray(prior - middle @ slopes, np.float32), np.asarray(left_out, np.float32))


def _groups_of_several(groups: Integers) -> list[Integers]:
    """Returns the positions of the photos of each group with more than one photo, (G,) int64 each.

    Args:
        groups: the number of each photo's group, (N,) int64.
    """
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(member, kind="stable")
    return [part for part in np.split(order, np.cumsum(sizes)[:-1]) if len(part) > 1]


def _left_out_together(
    turned: Floats, inverse: Floats, root: Floats, wanted: Floats, learned: Floats, members: Integers
) -> Floats:
    """Returns the weighted errors of G photos by the fit on all others, (G, C) float32.

    The photos' own part in their scores is removed by Woodbury's identity, which inverts the smaller of the matrices of
    the photos and of the axes.

    Args:
        turned: the weighted features along the axes, (N, R) float32.
        inverse: the shrinkage of each axis, (R,) float32.
        root: the square roots of the photos' weights, (N, 1) float32.
        wanted: the weighted targets, (N, C) float32.
        learned: the weights of each axis for each class, (R, C) float32.
        members: the positions of the photos, (G,) int64.
    """
    if len(members) == len(turned):
        return wanted  # nothing is left to learn from but how frequent the classes are
    mean = root[members] / np.sqrt(np.square(root).sum())
    own = np.hstack([turned[members] * np.sqrt(inverse), mean]).astype(np.float64)
    errors = wanted[members] - turned[members] @ learned
    if len(members) <= own.shape[1]:
        return np.asarray(np.linalg.solve(np.eye(len(members)) - own @ own.T, errors), np.float32)
    return np.asarray(errors + own @ np.linalg.solve(np.eye(own.shape[1]) - own.T @ own, own.T @ errors), np.float32)


def _photo_weights(classes: ClassIds) -> Floats:
    """Returns weights inverse to the square root of the number of photos of the class, with the mean 1, (N,) float32.

    Args:
        classes: the class of each photo, (N,) int64.
    """
    rarity = 1 / np.sqrt(np.bincount(classes)[classes])
    return np.asarray(rarity / rarity.mean(), np.float32)


def _principal_axes(centred: Floats) -> tuple[Floats, Floats]:
    """Returns the eigenvalues, (R,) float32, and the axes, (F, R) float32, along which centred features vary.

    Args:
        centred: the weighted features minus their means, (N, F) float32.
    """
    few = len(centred) <= centred.shape[1]
    values, vectors = np.linalg.eigh(centred @ centred.T if few else centred.T @ centred)
    varying = values > max(float(values[-1]) * _RELATIVE, _TINY)
    values, vectors = values[varying], vectors[:, varying]
    return values, centred.T @ vectors / np.sqrt(values) if few else vectors
