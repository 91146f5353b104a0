"""Estimates the confidence interval of the drop of top-1 between two classifiers on the same photos."""

from __future__ import annotations

import math

from edgetl.vision.arrays import Mask

_Z = 1.96
"""The distance of the ends of a 95 % interval from its middle, in standard errors."""


def top1_drop_interval(before: Mask, after: Mask) -> tuple[float, float]:
    """Returns the 95 % confidence interval of the drop of top-1 from one classifier to another (Agresti and Min 2005).

    Only photos on which one classifier alone is right say anything, as in McNemar's test. One half is added to each of
    the four counts of photos, so that few photos without any difference don't look like certainty.

    Args:
        before: whether the first classifier is right on each photo, (N,) bool.
        after: whether the other one is, (N,) bool.

    Returns:
        The lower and the upper end, -1..1.
    """
    lost, gained = int((before & ~after).sum()) + 0.5, int((after & ~before).sum()) + 0.5
    photos = len(before) + 2
    middle = (lost - gained) / photos
    half = _Z * math.sqrt((lost + gained) / photos - middle**2) / math.sqrt(photos)
    return middle - half, middle + half
