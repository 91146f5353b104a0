"""What the workstation prints while it works: on stderr, with bars on a terminal, or to a caller's `Progress`."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text

from edgetl import progress
from edgetl.text import printable

T = TypeVar("T")


class _Console(Console):
    """A console that prints for the command line alone, and a stranger's text without control characters.

    Called from Python, what is printed goes to the caller's `edgetl.progress.Progress`, if there is one.
    """

    @property
    def quiet(self) -> bool:
        """Whether nothing is printed: `edgetl --quiet`, or a caller from Python."""
        return not on_terminal() or logging.getLogger("edgetl").level >= logging.ERROR

    @quiet.setter
    def quiet(self, value: bool) -> None:
        """Does nothing: the logger's level and the current `Progress` decide."""

    def follow_stderr(self) -> None:
        """Prints to whatever `sys.stderr` is, as at first; a file that was set is forgotten."""
        self._file = None

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - as rich has it
        """Prints objects on the terminal, or sends them to the caller's `Progress` as plain text."""
        receiver = progress.current()
        if receiver is not None and not on_terminal():
            receiver.message(_plain_text(*objects))
        else:
            super().print(*objects, **options)

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - as rich has it
        """Returns a text, or a table's cell, with its control characters escaped; rich calls it for each of them."""
        return super().render_str(printable(text, keep="\n\t"), **options)


def on_terminal() -> bool:
    """Says whether the work that runs now was started by the command line."""
    return isinstance(progress.current(), progress.TerminalProgress)


def _plain_text(*objects: object) -> str:
    page = StringIO()
    Console(file=page, width=100, soft_wrap=True, markup=False, emoji=False, highlight=False).print(*objects)
    return printable(page.getvalue().rstrip("\n"), keep="\n")


console = _Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)
"""Everything for people goes here. Names in it may contain brackets and colons, so rich reads no markup in it."""


class Bar:
    """A bar that shows how far one piece of work is, on a terminal or through the caller's `Progress`.

    Use it in a `with` statement; a bar that is made with `delay` is drawn only if the work takes longer.

    Args:
        work: the name of the work.
        total: the number of its parts.
        done: the number of parts that are finished already.
        delay: the time before the bar is drawn, s.
        steady: whether the parts take about equally long, so that the remaining time can be shown; if not, the elapsed
            time is shown.
    """

    def __init__(self, work: str, total: int, done: int = 0, delay: float = 0.0, *, steady: bool = True) -> None:
        self._work, self._total = work, total
        self._done: float = done
        self._from = monotonic() + delay
        self._started = False
        self._rich = _rich_bar(TimeRemainingColumn() if steady else TimeElapsedColumn())
        self._task = self._rich.add_task(work, total=total, completed=done, note="")

    def __enter__(self) -> Self:
        self._start()
        return self

    def update(self, parts: float = 1, note: str = "") -> None:
        """Moves the bar.

        Args:
            parts: the number of parts that were finished since the last call; a share of a part moves it as well.
            note: a text beside the bar.
        """
        self._done += parts
        self._rich.update(self._task, advance=parts, note=note)
        self._start()
        receiver = progress.current()
        if receiver is not None and not on_terminal():
            receiver.advance(self._work, int(self._done + 1e-6), self._total, note)

    def _start(self) -> None:
        if not self._started and monotonic() >= self._from:
            self._rich.start()
            self._started = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._started:
            self._rich.stop()


def _rich_bar(time: ProgressColumn) -> RichProgress:
    bar = RichProgress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        time,
        console=console,
        disable=console.quiet or not console.is_terminal,
        transient=True,
    )
    receiver, refresh = progress.current(), bar.live.refresh

    def refresh_from_any_thread() -> None:
        """Draws the bar; the thread that does so regularly has no receiver of its own, and would draw nothing."""
        with progress.reporting(receiver):
            refresh()

    bar.live.refresh = refresh_from_any_thread  # type: ignore[method-assign]
    return bar


def warn(text: str) -> None:
    """Prints a warning on the terminal; called from Python, it goes to the caller's `Progress` and to edgetl's log."""
    if on_terminal():
        console.print(f"warning: {text}")
    else:
        if (receiver := progress.current()) is not None:
            receiver.message(f"warning: {printable(text)}")
        logging.getLogger("edgetl").warning("%s", printable(text))


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
        warn(f"{what} can't be written: {reason}; everything else is there. where: {where}")


@contextmanager
def unsilenced() -> Iterator[None]:
    """Keeps bars and lines of the block on the terminal even while `quiet_output` silences a library."""
    if not console.is_terminal or console.quiet:
        yield
        return
    with os.fdopen(os.dup(sys.stderr.fileno()), "w") as terminal:
        console.file = terminal
        try:
            yield
        finally:
            console.follow_stderr()


def result(text: str) -> None:
    """Prints the one line that a command is run for; `--quiet` doesn't silence it."""
    if not on_terminal():
        console.print(text)
        return
    with suppress(OSError):  # a terminal that was closed is never worth the work
        sys.stderr.write(printable(text, keep="\n") + "\n")
        sys.stderr.flush()


_SHORT = 1.0
"""Work that is done within this time gets no progress bar, which would only flicker; s."""


def track(items: Iterable[T], what: str, total: int) -> Iterator[T]:
    """Yields the items, with a progress bar called `what` from the first second on."""
    with Bar(what, total, delay=_SHORT) as bar:
        for item in items:
            yield item
            bar.update()
