"""The figures of one class that classifiers and detectors have in common, and how figures are written."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClassRow:
    """The figures of one class; a figure that can't be computed is NaN.

    Attributes:
        label: the name of the class.
        precision: the share of correct predictions among all predictions of this class, 0..1.
        recall: the share of this class that was predicted correctly, 0..1.
    """

    label: str
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0..1; 0 if only one of them can be computed."""
        known = [share for share in (self.precision, self.recall) if not math.isnan(share)]
        if len(known) < 2:
            return known[0] if known else math.nan
        return 2 * self.precision * self.recall / sum(known) if sum(known) else 0.0


def format_share(value: float) -> str:
    """Returns a share, 0..1, with three decimals, or a dash for NaN."""
    return "–" if math.isnan(value) else f"{value:.3f}"


def json_share(value: float) -> float | None:
    """Returns a share, 0..1, rounded to four decimals, or None for NaN, which JSON lacks."""
    return None if math.isnan(value) else round(float(value), 4)
