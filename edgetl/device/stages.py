"""How long the stages of a frame take: a bounded record and its percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class Timings:
    """What the last frame took, each stage in ms."""

    preprocess: float = 0.0
    invoke: float = 0.0
    decode: float = 0.0

    @property
    def total(self) -> float:
        """Frame to result, ms."""
        return self.preprocess + self.invoke + self.decode


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of one stage, ms.

    Attributes:
        p50: the median.
        p95: what nineteen frames of twenty stay under.
    """

    p50: float
    p95: float


class Recorder:
    """Remembers the last rows of measurements, in memory that a run of months doesn't grow.

    Args:
        columns: what a row's values are called.
        capacity: rows kept.

    Attributes:
        count: rows added so far, kept or not.
    """

    def __init__(self, columns: Sequence[str], capacity: int = 10_000) -> None:
        self.columns = tuple(columns)
        self.count = 0
        self._ring = np.zeros((capacity, len(self.columns)), np.float64)

    def add(self, *row: float) -> None:
        """Adds one row, in the columns' order; ms."""
        self._ring[self.count % len(self._ring)] = row
        self.count += 1

    @property
    def rows(self) -> NDArray[np.float64]:
        """(N, columns) of the rows kept; in no particular order once the ring is full."""
        return self._ring[: min(self.count, len(self._ring))]

    def percentiles(self, last: int | None = None) -> dict[str, Percentiles]:
        """Returns each column's percentiles; empty before the first row.

        Args:
            last: number of the newest rows to cover; None covers all rows kept.
        """
        if not self.count:
            return {}
        rows = self.rows
        if last is not None and last < len(rows):
            rows = rows[np.arange(self.count - last, self.count) % len(self._ring)]
        p50, p95 = np.percentile(rows, (50, 95), axis=0).tolist()
        return {name: Percentiles(*pair) for name, *pair in zip(self.columns, p50, p95, strict=True)}
