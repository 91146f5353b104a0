"""Rounds the intervals of a variant's figures for the manifest."""

from __future__ import annotations

import math

from edgetl.manifest import Interval


def rounded_intervals(pairs: dict[str, tuple[float, float]]) -> dict[str, Interval]:
    """Returns intervals for a manifest; those that are not known are left out.

    Args:
        pairs: the lower and the upper end by the figure's name; NaN if they are not known.
    """
    known = {name: pair for name, pair in pairs.items() if not any(map(math.isnan, pair))}
    return {name: Interval(round(low, 6), round(high, 6)) for name, (low, high) in known.items()}
