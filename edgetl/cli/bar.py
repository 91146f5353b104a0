"""Draws the progress bars of the commands that run on the device; only click is installed there."""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import Any, Self

import click


class Bar:
    """A bar on stderr for each kind of work; a call moves it. It is drawn only on a terminal and not with `--quiet`."""

    def __init__(self) -> None:
        self._drawn = sys.stderr.isatty() and logging.getLogger("edgetl").level < logging.ERROR
        self._what = ""
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __call__(self, what: str, done: int, total: int) -> None:
        """Moves the bar.

        Args:
            what: the name of the work; a new name begins a new bar.
            done: the number of finished parts.
            total: the number of all parts.
        """
        if not self._drawn:
            return
        if what != self._what:
            self._close()
            self._what = what
            self._bar = click.progressbar(length=total, label=what, file=sys.stderr, show_pos=True).__enter__()
        self._bar.update(done - self._bar.pos)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar:
            self._bar.__exit__(None, None, None)
            self._bar = None
