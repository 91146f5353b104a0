"""Chooses with how many photos a comparison trains, and which photos these are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from edgetl.vision.arrays import ClassIds, Integers

_LARGEST_SHARE = 0.8
"""A level has at most this share of all training photos, because the next one is all of them."""


@dataclass(frozen=True, slots=True)
class Level:
    """A number of photos to train on.

    Attributes:
        per_class: the largest number of photos of a class.
        photos: the number of photos of all classes.
    """

    per_class: int
    photos: int


def levels_of(classes: ClassIds) -> list[Level]:
    """Returns the levels 5, 10, 20, 50 … photos a class, and all photos.

    Args:
        classes: the class of each training photo, (N,) int64; -1 stands for photos of none.
    """
    counts = np.unique(classes, return_counts=True)[1]
    levels = []
    for tens, step in product((5 * 10**power for power in range(7)), (1, 2, 4)):
        level = Level(tens * step, int(np.minimum(counts, tens * step).sum()))
        if level.photos <= _LARGEST_SHARE * len(classes):
            levels.append(level)
    return [*levels, Level(int(counts.max()), len(classes))]


def subset(classes: ClassIds, level: Level, seed: int) -> Integers:
    """Returns the positions of a seed's training photos; those of a smaller level are among those of a larger one.

    Args:
        classes: the class of each training photo, (N,) int64.
        level: the number of photos.
        seed: the seed.

    Returns:
        The positions, (M,) int64 in ascending order.
    """
    order = np.random.default_rng((seed, 1)).permutation(len(classes))
    chosen = [order[classes[order] == one][: level.per_class] for one in np.unique(classes)]
    return np.sort(np.concatenate(chosen)).astype(np.int64)
