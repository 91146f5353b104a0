"""Makes sure that Ctrl-C, SIGTERM and SIGHUP end a command, even if a library swallows the exception."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from edgetl.device.stop import ending_signals

_SOON = 0.02
"""The pause before a signal is sent again whose exception Python has reported as ignored, s."""
_LATER = 1.0
"""The pause before a signal is sent again whose exception was lost silently, s. Cleaning up takes less time."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Ends the block with a KeyboardInterrupt at one of the `ending_signals`.

    A library may turn the exception into an error of its own, as TensorFlow's converter does; the block then still ends
    with a KeyboardInterrupt. Python swallows exceptions that are raised in a `__del__`, in a weak reference's callback,
    or in a callback of the garbage collector, which jax has. C code swallows them when it looks up an attribute.
    Therefore the system's timer sends the signal again until the block has ended. The timer needs no thread, which a
    signal handler may not start.
    """
    received: list[int] = []

    def stop(number: int, frame: object) -> None:
        received.append(number)
        _set_timer(_LATER)
        raise KeyboardInterrupt

    def send_again(unraisable: sys.UnraisableHookArgs) -> None:
        if received and issubclass(unraisable.exc_type, KeyboardInterrupt):
            _set_timer(_SOON)
        else:
            earlier(unraisable)

    earlier, earlier_alarm = sys.unraisablehook, signal.getsignal(signal.SIGALRM)
    for number in ending_signals():
        if signal.getsignal(number) != signal.SIG_IGN:  # a background job of a script goes on ignoring Ctrl-C
            signal.signal(number, stop)
    signal.signal(signal.SIGALRM, stop)
    sys.unraisablehook = send_again
    try:
        yield
    except Exception as error:
        if received:
            raise KeyboardInterrupt from error
        raise
    finally:
        _set_timer(0)
        signal.signal(signal.SIGALRM, earlier_alarm)
        sys.unraisablehook = earlier


def _set_timer(seconds: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, seconds)


def notes_of(error: BaseException) -> list[str]:
    """Returns the notes of an error and of the errors that caused it, for the user to read."""
    chain: list[BaseException] = []
    while error not in chain:  # an error may be its own cause
        chain.append(error)
        error = error.__cause__ or error
    return [note for one in chain for note in getattr(one, "__notes__", ())]
