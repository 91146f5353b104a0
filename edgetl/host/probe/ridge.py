"""Fits ridge regression on one-hot labels in closed form, with the scores of each photo by the fit on all others.

The time grows with the smaller of the numbers of photos and of features, so that many photos cost seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgetl.vision.arrays import ClassIds, Floats

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
        left_out: the scores of each training photo by the fit on all others, (N, C) float32, about 0..1.
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


def fit_ridge(x: Floats, classes: ClassIds, count: int) -> Ridge:
    """Fits the penalty with the smallest squared error when each photo is left out in turn, which needs no further fit.

    Photos of rare classes count more, as in the training of a network.

    Args:
        x: the features of N photos, (N, F) float32, see `edgetl.host.probe.heads.unit_features`.
        classes: the class of each photo, (N,) int64.
        count: the number of classes C.
    """
    targets, weights = np.eye(count, dtype=np.float32)[classes], _photo_weights(classes)
    middle, prior = weights @ x / weights.sum(), weights @ targets / weights.sum()
    root = np.sqrt(weights)[:, None]
    centred, wanted = root * (x - middle), root * (targets - prior)
    values, axes = _principal_axes(centred)
    turned = centred @ axes
    products, size = turned.T @ wanted, max(float(values.sum()) / len(x), _TINY)
    best: tuple[float, Floats, Floats] = (np.inf, np.empty(0, np.float32), np.empty(0, np.float32))
    for penalty in PENALTIES:
        inverse = (1 / (values + penalty * size)).astype(np.float32)
        learned = inverse[:, None] * products
        own = (turned**2) @ inverse + weights / weights.sum()  # how much of a score comes from the photo's own label
        alone = (wanted - turned @ learned) / np.maximum(1 - own, _TINY)[:, None]
        best = min(best, (float((alone**2).mean()), learned, alone), key=lambda fit: fit[0])
    slopes, left_out = axes @ best[1], targets - best[2] / root
    return Ridge(slopes, np.asarray(prior - middle @ slopes, np.float32), np.asarray(left_out, np.float32))


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
