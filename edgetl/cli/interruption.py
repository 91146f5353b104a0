"""Ctrl-C, SIGTERM and SIGHUP end a command, also where Python or a library swallows the exception."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from edgetl.device.signals import ending_signals

_AGAIN = 0.02
"""After so long a swallowed signal is sent once more, s: by then the callback that met it has ended."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Ends the block with a KeyboardInterrupt at one of the `ending_signals`.

    A library may turn that into an error of its own, as TensorFlow's converter does: it becomes a KeyboardInterrupt
    again. Python swallows an exception in a `__del__`, a weak reference's callback or one of the garbage collector, as
    jax has one: the signal is sent once more.
    """
    asked: list[int] = []

    def stop(number: int, frame: object) -> None:
        asked.append(number)
        raise KeyboardInterrupt

    def send_again(unraisable: sys.UnraisableHookArgs) -> None:
        if asked and issubclass(unraisable.exc_type, KeyboardInterrupt):
            timer = threading.Timer(_AGAIN, os.kill, (os.getpid(), asked[-1]))
            timer.daemon = True
            timer.start()
        else:
            earlier(unraisable)

    earlier = sys.unraisablehook
    for number in ending_signals():
        if signal.getsignal(number) != signal.SIG_IGN:  # so a job in a script's background stays deaf to Ctrl-C
            signal.signal(number, stop)
    sys.unraisablehook = send_again
    try:
        yield
    except Exception as error:
        if asked:
            raise KeyboardInterrupt from error
        raise
    finally:
        sys.unraisablehook = earlier


def notes_of(error: BaseException) -> list[str]:
    """Returns what was noted on an error, or on the one that it was made of, for the user to read."""
    seen: list[BaseException] = []
    while error not in seen:  # an error may be its own cause
        seen.append(error)
        error = error.__cause__ or error
    return [note for one in seen for note in getattr(one, "__notes__", ())]
