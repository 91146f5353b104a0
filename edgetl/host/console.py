"""What the workstation tells a person while it works: on stderr, bars only on a terminal."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from edgetl.text import printable

T = TypeVar("T")


class _Console(Console):
    """A console that `edgetl --quiet` silences, and that prints a stranger's text without control characters."""

    @property
    def quiet(self) -> bool:
        """Whether only errors are wanted."""
        return logging.getLogger("edgetl").level >= logging.ERROR

    @quiet.setter
    def quiet(self, value: bool) -> None:
        """Does nothing: the logger's level alone decides."""

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - as rich has it
        """Returns a text, or a table's cell, with its control characters escaped; rich calls it for each of them."""
        return super().render_str(printable(text, keep="\n\t"), **options)


console = _Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)
"""Everything for people goes here. Names in it may contain brackets and colons, so rich reads no markup in it."""


def bar() -> Progress:
    """Returns a progress display; it draws nothing where stderr is not a terminal."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


@contextmanager
def optional(what: str, where: Path) -> Iterator[None]:
    """Turns a failure of the block into a warning: what was computed before is worth more than what fails here.

    Args:
        what: the block writes, for the warning, e.g. `the report`.
        where: the file or folder that is then missing.
    """
    try:
        yield
    except Exception as error:  # whatever a template, a drawing library or the disk raises
        reason = (str(error) or type(error).__name__).splitlines()[0]
        console.print(f"warning: {what} can't be written: {reason}; everything else is there. where: {where}")


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Shows on a terminal that work goes on, and for how long, even while a library's output is silenced.

    Args:
        what: the work.
    """
    if not console.is_terminal or console.quiet:
        yield
        return
    with os.fdopen(os.dup(sys.stderr.fileno()), "w") as terminal:
        columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
        own = Console(file=terminal, force_terminal=True, highlight=False)
        with Progress(*columns, console=own, transient=True) as progress:
            progress.add_task(what, total=None)
            yield


def result(text: str) -> None:
    """Prints the one line that a command is run for; `--quiet` doesn't silence it."""
    with suppress(OSError):  # a terminal that was closed is never worth the work
        sys.stderr.write(printable(text, keep="\n") + "\n")
        sys.stderr.flush()


_SHORT = 1.0
"""Work that is done within this time gets no progress bar, which would only flicker; s."""


def track(items: Iterable[T], what: str, total: int) -> Iterator[T]:
    """Yields the items, with a progress bar called `what` from the first second on."""
    began, started = monotonic(), False
    progress = bar()
    task = progress.add_task(what, total=total, note="")
    try:
        for item in items:
            yield item
            progress.advance(task)
            if not started and monotonic() - began > _SHORT:
                progress.start()
                started = True
    finally:
        if started:
            progress.stop()
