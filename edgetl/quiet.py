"""Libraries that chatter on the console, used without their chatter."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from types import FrameType
from typing import TypeAlias

Handler: TypeAlias = Callable[[int, FrameType | None], object]


def open_closed_streams() -> None:
    """Opens each of stdin, stdout and stderr that the command was started without on the null device.

    What is printed there is dropped. Left closed, its number would go to the next file that is opened, and whatever a
    library prints would end up in that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken, and those below this one are open by now.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


# The streams are the whole process's: a second thread that came in between would take /dev/null for the real ones.
_STREAMS = threading.RLock()


@contextmanager
def quiet_output() -> Iterator[None]:
    """Sends stdout and stderr, Python's and the process's own that C++ libraries use, nowhere for the block.

    Exceptions pass. One thread at a time; another waits.
    """
    with _STREAMS:
        yield from _silenced()


def _silenced() -> Iterator[None]:
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        with (
            open(os.devnull, "w") as text,  # noqa: PTH123 - not a Path
            redirect_stdout(text),
            redirect_stderr(text),
            _interruptions_kept(),
        ):
            yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)


@contextmanager
def _interruptions_kept() -> Iterator[None]:
    """Ends the block with a KeyboardInterrupt where a signal raised one in it, even if a library swallowed that.

    TensorFlow's converter takes any failure for a reason to try another way, and goes on.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    numbers = [signal.SIGINT, signal.SIGTERM, *filter(None, [getattr(signal, "SIGHUP", None)])]
    found = {number: signal.getsignal(number) for number in numbers}
    old = {number: handler for number, handler in found.items() if callable(handler)}
    for number, handler in old.items():
        signal.signal(number, partial(_note, came, handler))
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
        if came:
            raise KeyboardInterrupt


def _note(came: list[int], handler: Handler, number: int, frame: FrameType | None) -> None:
    try:
        handler(number, frame)
    except KeyboardInterrupt:  # `run` notes a signal instead, and ends in its own time
        came.append(number)
        raise
