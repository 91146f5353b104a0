"""Counts values in histograms of shares, and measures how far two histograms are apart: the stability index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from edgetl.vision.arrays import Doubles

SCORE_BINS = 20
"""A histogram of scores has so many equal bins from 0 to 1: the rounding of int8 scores moves few of them to another
bin."""
BRIGHTNESS_BINS = 8
"""A histogram of brightness has so many equal bins from 0 to 256."""
_LEAST_SHARE = 0.01
"""Every bin counts as if it had at least about this share, so that a few values in an empty bin do not decide."""


def histogram(values: ArrayLike, bins: int, top: float = 1.0) -> tuple[float, ...]:
    """Returns the share of the values in each bin; all are 0 without values.

    Args:
        values: the numbers, 0..top; others count in the first or last bin.
        bins: the number of equal bins.
        top: the upper end of the last bin.
    """
    at = np.clip(np.asarray(values, np.float64).reshape(-1) * (bins / top), 0, bins - 1).astype(np.int64)
    counts = np.bincount(at, minlength=bins)
    return tuple(round(share, 5) for share in (counts / max(1, len(at))).tolist())


def share_below(value: float, shares: Sequence[float], top: float = 1.0) -> float:
    """Returns the share of a histogram's values below a value, 0..1; within a bin they count as spread evenly.

    Args:
        value: the value.
        shares: the histogram, of `histogram`.
        top: the upper end of the last bin.
    """
    position = min(max(value / top, 0.0), 1.0) * len(shares)
    whole = min(int(position), len(shares) - 1)
    return float(sum(shares[:whole]) + shares[whole] * (position - whole))


def mean_of(shares: Sequence[float], top: float = 1.0) -> float:
    """Returns the mean of a histogram's values, as if each were in the middle of its bin.

    Args:
        shares: the histogram, of `histogram`.
        top: the upper end of the last bin.
    """
    middles = (np.arange(len(shares)) + 0.5) * (top / len(shares))
    return float((np.array(shares) * middles).sum() / max(sum(shares), 1e-9))


def stability_index(expected: Sequence[float], found: Sequence[float], *, ordered: bool = True) -> float:
    """Returns the population stability index of two histograms: 0 if they are equal; above 0.25 they differ much.

    Args:
        expected: the shares of B bins that were expected.
        found: the shares of the same bins that were found.
        ordered: whether neighbouring bins are alike, as those of scores are. A part of each bin then counts in its
            neighbours, so that a value that trembles on the edge between two bins changes little.
    """
    one, other = (_smoothed(np.array(shares, np.float64), ordered) for shares in (expected, found))
    return float(((other - one) * np.log(other / one)).sum())


def _smoothed(shares: Doubles, ordered: bool) -> Doubles:
    """Returns shares, (B,) float64, that are above 0 and sum to 1; with neighbouring bins mixed if they are ordered."""
    if ordered:
        padded = np.pad(shares, 1, mode="edge")
        shares = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
    raised = shares + _LEAST_SHARE
    return np.asarray(raised / raised.sum(), np.float64)
