"""Measures how unsure a classifier is: the margin between its two best classes, and the entropy of all scores."""

from __future__ import annotations

import math

import numpy as np

from edgetl.vision.arrays import Floats, Scores

_SMALLEST = 1e-9
"""Scores count as at least this in a logarithm, which is not defined at 0."""


def margins(scores: Scores) -> Floats:
    """Returns by how much the best score exceeds the second best.

    Args:
        scores: the scores, (…, C) float32, 0..1.

    Returns:
        The margins, (…) float32, 0..1; with a single class its score.
    """
    if scores.shape[-1] < 2:
        return np.asarray(scores[..., 0], np.float32)
    best = np.partition(scores, -2, axis=-1)
    return np.asarray(best[..., -1] - best[..., -2], np.float32)


def entropies(scores: Scores) -> Floats:
    """Returns the entropy of the scores as a share of the largest possible one.

    Args:
        scores: the scores, (…, C) float32, 0..1; they needn't sum to 1.

    Returns:
        The entropies, (…) float32: 0 if one class has everything, 1 if all are equal.
    """
    classes = scores.shape[-1]
    if classes < 2:
        return np.zeros(scores.shape[:-1], np.float32)
    shares = np.maximum(scores, _SMALLEST)
    shares = shares / shares.sum(axis=-1, keepdims=True)
    return np.asarray(-(shares * np.log(shares)).sum(axis=-1) / math.log(classes), np.float32)
