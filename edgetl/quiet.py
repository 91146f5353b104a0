"""Silences libraries that print to the console, and opens streams that the command was started without."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from types import FrameType
from typing import TextIO, TypeAlias

Handler: TypeAlias = Callable[[int, FrameType | None], object]


_CLOSED_AT_START: set[str] = set()
"""The streams that the program was started without; written by `open_closed_streams` alone."""


def was_closed(stream: str) -> bool:
    """Returns whether the command was started with a stream closed, so that the stream now leads to the null device.

    Args:
        stream: `stdin`, `stdout` or `stderr`.
    """
    return stream in _CLOSED_AT_START


def open_closed_streams() -> None:
    """Opens stdin, stdout and stderr on the null device if the program was started without them.

    If a stream stayed closed, its number would go to the next file that is opened, and the text that a library prints
    would end up in that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The system takes the lowest free number, and all lower ones are open by now.
            os.open(os.devnull, os.O_RDWR)
            _CLOSED_AT_START.add(name)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


_STREAMS = threading.RLock()
"""The lock is held while the streams of the process are redirected, as another thread would save the null device."""


@contextmanager
def quiet_output() -> Iterator[None]:
    """Discards what the block prints to stdout and stderr, whether Python or a C++ library prints it.

    Exceptions pass. Only one thread at a time can be in such a block; another one waits.
    """
    with _STREAMS:
        open_closed_streams()  # a program without a console has none
        yield from _silenced()


def _silenced() -> Iterator[None]:
    sys.stdout.flush()
    sys.stderr.flush()
    saved, stderr = [os.dup(1), os.dup(2)], sys.stderr
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 1)
        os.dup2(null, 2)
        with (
            open(os.devnull, "w") as text,  # noqa: PTH123 - not a Path
            redirect_stdout(text),
            redirect_stderr(text),
            _interruptions_preserved(),
        ):
            try:
                yield
            finally:
                _release_handlers(text, stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        os.close(null)


def _release_handlers(null: TextIO, stderr: TextIO) -> None:
    """Takes a stream that is about to be closed away from the handlers of logs, which would report errors from then on.

    The handlers of a library's own log write to stderr, as they would have done without the block. The root's are
    removed: a library that calls `logging.basicConfig` must not replace that call of the program.

    Args:
        null: the stream of the block.
        stderr: the stream that `sys.stderr` was before the block.
    """
    root = logging.getLogger()
    for logger in (root, *logging.Logger.manager.loggerDict.copy().values()):
        for handler in getattr(logger, "handlers", [])[:]:
            if getattr(handler, "stream", None) is not null:
                continue
            if logger is root:
                root.removeHandler(handler)
            else:
                handler.setStream(stderr)


@contextmanager
def _interruptions_preserved() -> Iterator[None]:
    """Raises KeyboardInterrupt at the end of the block if a signal raised one in it and a library suppressed it.

    TensorFlow's converter takes any exception as a reason to try another way, and continues.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interruptions: list[int] = []
    numbers = [signal.SIGINT, signal.SIGTERM, *filter(None, [getattr(signal, "SIGHUP", None)])]
    handlers = {number: signal.getsignal(number) for number in numbers}
    old = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number, handler in old.items():
        signal.signal(number, partial(_note, interruptions, handler))
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
        if interruptions:
            raise KeyboardInterrupt


def _note(interruptions: list[int], handler: Handler, number: int, frame: FrameType | None) -> None:
    try:
        handler(number, frame)
    except KeyboardInterrupt:  # `edgetl run` has a handler that raises nothing, so it never gets here
        interruptions.append(number)
        raise
