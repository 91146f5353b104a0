"""What the workstation tells a person while it works: on stderr, bars only on a terminal."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")


class _Console(Console):
    """A console that `edgetl --quiet` silences."""

    @property
    def quiet(self) -> bool:
        """Whether only errors are wanted."""
        return logging.getLogger("edgetl").level >= logging.ERROR

    @quiet.setter
    def quiet(self, value: bool) -> None:
        """Does nothing: the logger's level alone decides."""


console = _Console(stderr=True, highlight=False, soft_wrap=True)
"""Everything for people goes here."""


def bar() -> Progress:
    """Returns a progress display; it draws nothing where stderr is not a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def track(items: Iterable[T], what: str, total: int) -> Iterator[T]:
    """Yields the items, with a progress bar called `what`."""
    with bar() as progress:
        task = progress.add_task(what, total=total, note="")
        for item in items:
            yield item
            progress.advance(task)
