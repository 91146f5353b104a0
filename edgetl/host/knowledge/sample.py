"""Draws a sample of labelled photos, by class."""

from __future__ import annotations

import numpy as np

from edgetl.vision.arrays import ClassIds, Integers


def stratified(classes: ClassIds, most: int, seed: int = 0) -> Integers:
    """Draws photos so that each class keeps its share of them, but has at least two if it can.

    Args:
        classes: the class of each photo, (N,) int64.
        most: the largest number of photos to draw.
        seed: the seed of the draw.

    Returns:
        The positions of the photos, (M,) int64 in ascending order.
    """
    counts = np.bincount(classes)
    least = np.minimum(counts, 2 if 2 * np.count_nonzero(counts) <= most else 1)
    rest = counts - least
    quotas = least + rest * max(0, min(most, len(classes)) - int(least.sum())) // max(1, int(rest.sum()))
    return draw(classes, quotas, seed)


def draw(classes: ClassIds, quotas: Integers, seed: int = 0) -> Integers:
    """Draws a number of photos of each class.

    Args:
        classes: the class of each photo, (N,) int64.
        quotas: the largest number of photos of each class, (C,) int64.
        seed: the seed of the draw.

    Returns:
        The positions of the photos, (M,) int64 in ascending order.
    """
    order = np.random.default_rng(seed).permutation(len(classes))
    picked = [order[classes[order] == label][:quota] for label, quota in enumerate(quotas.tolist())]
    return np.sort(np.concatenate(picked))
