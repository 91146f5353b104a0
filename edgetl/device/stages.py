"""The times that the stages of a frame take: a bounded record of them, and its percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class Timings:
    """The times that a model took for its last frame.

    Attributes:
        preprocess: time to make the model's input of the frame, ms.
        invoke: time to run the network, ms.
        decode: time to make the result of the network's outputs, ms.
    """

    preprocess: float = 0.0
    invoke: float = 0.0
    decode: float = 0.0

    @property
    def total(self) -> float:
        """The time from the frame to its result, ms."""
        return self.preprocess + self.invoke + self.decode


@dataclass(frozen=True, slots=True)
class Percentiles:
    """The percentiles of one stage's times.

    Attributes:
        p50: the median, ms.
        p95: the time that 95 of 100 frames stay under, ms.
    """

    p50: float
    p95: float


class Recorder:
    """Stores the last rows of measurements in a ring, so that a run of months takes no more memory.

    Args:
        columns: the names of a row's values.
        capacity: number of rows that are stored.

    Attributes:
        columns: the names of a row's values.
        count: number of rows that were added, stored or overwritten.
    """

    def __init__(self, columns: Sequence[str], capacity: int = 10_000) -> None:
        self.columns = tuple(columns)
        self.count = 0
        self._ring = np.zeros((capacity, len(self.columns)), np.float64)

    def add(self, *row: float) -> None:
        """Adds one row.

        Args:
            row: the values in the order of the columns, ms.
        """
        self._ring[self.count % len(self._ring)] = row
        self.count += 1

    @property
    def rows(self) -> NDArray[np.float64]:
        """The stored rows, (N, columns) float64, ms; in no particular order once the ring is full."""
        return self._ring[: min(self.count, len(self._ring))]

    def percentiles(self, last: int | None = None) -> dict[str, Percentiles]:
        """Returns the percentiles of each column by its name; empty before the first row.

        Args:
            last: number of the newest rows to cover; None covers all stored rows.
        """
        if not self.count:
            return {}
        rows = self.rows
        if last is not None and last < len(rows):
            rows = rows[np.arange(self.count - last, self.count) % len(self._ring)]
        p50, p95 = np.percentile(rows, (50, 95), axis=0).tolist()
        return {name: Percentiles(*pair) for name, *pair in zip(self.columns, p50, p95, strict=True)}
