"""Finds photos whose label is contradicted by a head that did not learn from them.

This is confident learning after Northcutt et al., "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021:
the probability of each class is compared with its mean over the photos of that class, so that classes which are
recognised with less confidence are not accused more often.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgetl.vision.arrays import ClassIds, Doubles, Floats

_SHARPNESS = tuple(np.geomspace(1, 128, 15).tolist())
"""The factors among which scores choose the one that makes the labels most likely; a score lies at about 0..1."""


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


def find_suspects(scores: Floats, classes: ClassIds) -> list[Suspect]:
    """Returns the photos that another class fits better than their own, the clearest contradictions first.

    Args:
        scores: the score of each class for each photo by a head that did not learn from it, (N, C) float32, about 0..1.
        classes: the class of each photo by its label, (N,) int64.
    """
    shares, rows = probabilities(scores, classes), np.arange(len(classes))
    counts = np.bincount(classes, minlength=shares.shape[1])
    usual = np.bincount(classes, weights=shares[rows, classes], minlength=shares.shape[1]) / np.maximum(counts, 1)
    fits = np.where(counts > 0, shares - usual, -np.inf)
    own = fits[rows, classes].copy()
    fits[rows, classes] = -np.inf
    other = fits.argmax(axis=1)
    margins = own - fits[rows, other]
    found = np.flatnonzero(margins < 0)
    return [
        Suspect(i, int(other[i]), float(shares[i, classes[i]]), float(shares[i, other[i]]))
        for i in found[np.argsort(margins[found], kind="stable")].tolist()
    ]


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
