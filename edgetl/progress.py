"""Reports the progress of long work: to the terminal, to an object of the caller, or to nobody."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Protocol, TextIO, runtime_checkable

from edgetl.argument_types import wrong_type


@runtime_checkable
class Progress(Protocol):
    """The receiver of what a training, a conversion or a check reports while it works.

    Example:
        >>> class Log:
        ...     def message(self, text):
        ...         print(text)
        ...     def advance(self, work, done, total, note=""):
        ...         print(f"{work}: {done} of {total}")
        >>> isinstance(Log(), Progress)
        True
    """

    def message(self, text: str) -> None:
        """Receives a finished line or a table for people.

        Args:
            text: plain text without control characters, in one or several lines.
        """

    def advance(self, work: str, done: int, total: int | None, note: str = "") -> None:
        """Receives how far one piece of work is.

        Args:
            work: the name of the work, for example `finetune`.
            done: the number of finished parts.
            total: the number of all parts; None if it is not known.
            note: further figures, for example `loss 0.412`.
        """


class PrintProgress:
    """A `Progress` that prints messages as lines, and the state of the work as one line that is rewritten.

    Example:
        >>> progress = PrintProgress()
        >>> progress.message("30 photos to train on")
        30 photos to train on

    Args:
        stream: the text stream to print to; stdout by default.

    Raises:
        UsageError: the stream has no method `write`.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        if stream is not None and not hasattr(stream, "write"):
            raise wrong_type(stream, "stream", "a text stream")
        self._stream = stream
        self._unfinished = False

    def message(self, text: str) -> None:
        """Prints the text as lines of their own."""
        self._write(("\n" if self._unfinished else "") + text + "\n")
        self._unfinished = False

    def advance(self, work: str, done: int, total: int | None, note: str = "") -> None:
        """Rewrites the line of the work with its share in percent."""
        share = f" {100 * done // total} %" if total else ""
        self._write(f"\r{work}{share} {note}".rstrip() + " ")
        self._unfinished = True

    def _write(self, text: str) -> None:
        stream = sys.stdout if self._stream is None else self._stream
        if stream is not None:  # a program without a console has no stdout
            stream.write(text)
            stream.flush()


class TerminalProgress(PrintProgress):
    """The terminal of the command line. On the workstation, `edgetl.host.console` draws its bars there."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def message(self, text: str) -> None:
        """Prints the text; if the terminal was closed, the text is dropped and the command goes on."""
        with suppress(OSError):
            super().message(text)

    def advance(self, work: str, done: int, total: int | None, note: str = "") -> None:
        """Draws nothing: without the workstation's libraries there are no bars."""


_CURRENT: ContextVar[Progress | None] = ContextVar("progress", default=None)
"""The receiver of the work of this thread or task; set by `reporting` alone."""


@contextmanager
def reporting(progress: Progress | None) -> Iterator[None]:
    """Sends what the work of the block reports to a receiver.

    Args:
        progress: the receiver; None silences the block.
    """
    token = _CURRENT.set(progress)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def receiver_of(progress: Progress | None) -> Progress | None:
    """Returns the receiver that a caller passed, else the one that `reporting` set around the call.

    Args:
        progress: the receiver; None if the caller passed none.

    Raises:
        UsageError: the object lacks a method of `Progress`.
    """
    if not isinstance(progress, Progress | None):
        raise wrong_type(progress, "progress", "an object with the methods of edgetl.Progress")
    return current() if progress is None else progress


def current() -> Progress | None:
    """Returns the receiver that `reporting` set; None if nobody listens."""
    return _CURRENT.get()
