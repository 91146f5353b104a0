"""Ctrl-C, SIGTERM and SIGHUP end a command, also where Python or a library swallows the exception."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from edgetl.device.stop import ending_signals

_SOON = 0.02
"""After so many seconds a signal whose exception Python reports as ignored is sent once more."""
_LATER = 1.0
"""After so many seconds a signal whose exception was lost without a word is sent once more. Cleaning up takes less."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Ends the block with a KeyboardInterrupt at one of the `ending_signals`.

    A library may turn that into an error of its own, as TensorFlow's converter does: it becomes a KeyboardInterrupt
    again. Python swallows an exception in a `__del__`, a weak reference's callback or one of the garbage collector, as
    jax has one, and C code swallows it where it asks for an attribute. So the system's timer stands in for the signal
    until the block has ended; it takes no thread, which a signal's handler may not start.
    """
    asked: list[int] = []

    def stop(number: int, frame: object) -> None:
        asked.append(number)
        _set_timer(_LATER)
        raise KeyboardInterrupt

    def send_again(unraisable: sys.UnraisableHookArgs) -> None:
        if asked and issubclass(unraisable.exc_type, KeyboardInterrupt):
            _set_timer(_SOON)
        else:
            earlier(unraisable)

    earlier, earlier_alarm = sys.unraisablehook, signal.getsignal(signal.SIGALRM)
    for number in ending_signals():
        if signal.getsignal(number) != signal.SIG_IGN:  # so a job in a script's background stays deaf to Ctrl-C
            signal.signal(number, stop)
    signal.signal(signal.SIGALRM, stop)
    sys.unraisablehook = send_again
    try:
        yield
    except Exception as error:
        if asked:
            raise KeyboardInterrupt from error
        raise
    finally:
        _set_timer(0)
        signal.signal(signal.SIGALRM, earlier_alarm)
        sys.unraisablehook = earlier


def _set_timer(seconds: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, seconds)


def notes_of(error: BaseException) -> list[str]:
    """Returns what was noted on an error, or on the one that it was made of, for the user to read."""
    seen: list[BaseException] = []
    while error not in seen:  # an error may be its own cause
        seen.append(error)
        error = error.__cause__ or error
    return [note for one in seen for note in getattr(one, "__notes__", ())]
