"""Draws a sample of labelled photos, by class."""

from __future__ import annotations

import numpy as np

from edgetl.vision.arrays import ClassIds, Integers

_LEAST = 4
"""A photo needs some others of its class in the other folds, or hardly any has a neighbour of its own class."""


def stratified(classes: ClassIds, most: int, seed: int = 0) -> Integers:
    """Draws photos so that each class keeps its share of them, but has at least two if it can.

    If there are so many classes that four photos of each are too many, some classes are drawn with four photos each.

    Args:
        classes: the class of each photo, (N,) int64.
        most: the largest number of photos to draw.
        seed: the seed of the draw.

    Returns:
        The positions of the photos, (M,) int64 in ascending order.
    """
    counts = np.bincount(classes)
    if len(classes) <= most:
        return np.arange(len(classes))
    if _LEAST * np.count_nonzero(counts) > most:
        return draw(classes, _few_classes(counts, most, seed), seed)
    least = np.minimum(counts, 2)
    rest = counts - least
    quotas = least + rest * (most - int(least.sum())) // max(1, int(rest.sum()))
    return draw(classes, quotas, seed)


def _few_classes(counts: Integers, most: int, seed: int) -> Integers:
    """Returns how many photos to draw of each class, (C,) int64: four of some classes, those with fewer come last.

    Args:
        counts: the number of photos of each class, (C,) int64.
        most: the largest number of photos to draw.
        seed: the seed of the choice of the classes.
    """
    quotas = np.minimum(counts, _LEAST)
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-quotas[order], kind="stable")]
    quotas[order[np.cumsum(quotas[order]) > most]] = 0
    return quotas


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
