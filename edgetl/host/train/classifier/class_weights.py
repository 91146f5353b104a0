"""Computes the class weights, so that rare classes count for more in training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def class_weights(counts: Sequence[int]) -> list[float]:
    """Returns weights inverse to the square root of the classes' counts, whose mean over all photos is one.

    The square root is a compromise: without weights a rare class is hardly learned, and with weights inverse to its
    count it counts as much as all photos of a common class, including its mislabelled photos.

    Args:
        counts: the number of training photos of each class, at least 1.
    """
    present = np.asarray(counts, np.float64)
    rarity = 1 / np.sqrt(present)
    return [float(w) for w in rarity * present.sum() / (rarity * present).sum()]
