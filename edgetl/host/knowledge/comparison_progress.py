"""Shows how much of a comparison's time is over, and what the current run does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from edgetl import progress
from edgetl.host.console import Bar


class TimeBar:
    """A bar over the seconds of a comparison.

    Args:
        ends: the time at which it ends, as `time.monotonic` counts.
    """

    def __init__(self, ends: float) -> None:
        self._began, self._shown = time.monotonic(), 0.0
        self._seconds = max(1, round(ends - self._began))
        self._bar = Bar("comparing", self._seconds)
        self._receiver = progress.current()

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)

    @contextmanager
    def inside(self, run: str) -> Iterator[None]:
        """Shows the work of the block, a run, beside the bar instead of with bars and lines of its own.

        Args:
            run: the run in words.
        """
        self.show(run)
        with progress.reporting(_Inside(self, run)):
            yield
        self.show(run)

    def show(self, note: str) -> None:
        """Moves the bar to the time that is over.

        Args:
            note: the text beside the bar.
        """
        over = min(float(self._seconds), time.monotonic() - self._began)
        with progress.reporting(self._receiver):
            self._bar.update(over - self._shown, note)
        self._shown = over


class _Inside:
    """The receiver of what a run reports."""

    def __init__(self, bar: TimeBar, run: str) -> None:
        self._bar, self._run = bar, run

    def message(self, text: str) -> None:
        """Drops a line: the history of a run is of no interest."""

    def advance(self, work: str, done: int, total: int | None, note: str = "") -> None:
        """Shows how far a piece of the run's work is."""
        self._bar.show(f"{self._run}, {work} {done} of {total}" if total else f"{self._run}, {work}")
