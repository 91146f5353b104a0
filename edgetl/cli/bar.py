"""A progress bar for the commands of the device, which has nothing but click to draw one."""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import Any, Self

import click


class Bar:
    """A bar on stderr for each kind of work; a call moves it. It is drawn on a terminal only, and not if quiet."""

    def __init__(self) -> None:
        self._drawn = sys.stderr.isatty() and logging.getLogger("edgetl").level < logging.ERROR
        self._what = ""
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __call__(self, what: str, done: int, total: int) -> None:
        """See `edgetl.device.measure.steps.Step`."""
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
