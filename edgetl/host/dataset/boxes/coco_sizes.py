"""COCO's sizes of objects: small, medium and large, by the area of the box."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Size = Literal["small", "medium", "large"]

SMALL_BELOW = 32.0**2
"""A box with a smaller area is small, px²; COCO defines it so."""

LARGE_FROM = 96.0**2
"""A box with at least this area is large, px²; COCO defines it so."""


def count_sizes(areas: NDArray[np.floating]) -> dict[Size, int]:
    """Counts the boxes of each size.

    A box whose area equals a bound counts once, as the larger of the two sizes.

    Args:
        areas: the areas of the boxes, (N,) float32 or float64, px².
    """
    small, large = int((areas < SMALL_BELOW).sum()), int((areas >= LARGE_FROM).sum())
    return {"small": small, "medium": len(areas) - small - large, "large": large}
