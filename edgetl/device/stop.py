"""Ctrl-C, SIGTERM and SIGHUP as a wish that a run notices between two frames."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")

_POLL = 0.05
"""How often a wait looks whether the run was asked to end, s."""
_GRACE = 1.0
"""How long an opening that is under way may still take once the run is asked to end, s. What it returns in that time is
closed in order; a longer one is left behind."""


class Stop:
    """Whether a run was asked to end.

    Not a `threading.Event`: that one takes a lock, and a second signal that arrives while the first one's
    handler holds it would wait for ever.
    """

    def __init__(self) -> None:
        self._asked = False

    def set(self) -> None:
        """Asks the run to end."""
        self._asked = True

    def is_set(self) -> bool:
        """Says whether the run was asked to end."""
        return self._asked


class Stopped(Exception):  # noqa: N818 - not an error: like StopIteration
    """Raised where a run is asked to end before it has opened everything."""


def ending_signals() -> list[signal.Signals]:
    """Returns the signals that end a command: Ctrl-C, SIGTERM, and the SIGHUP of a terminal or session that ends.

    A SIGHUP that is ignored stays so: this is how `nohup` keeps a command alive.
    """
    signals = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup is not None and signal.getsignal(hangup) != signal.SIG_IGN:
        signals.append(hangup)
    return signals


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Turns the `ending_signals` into a `Stop` for the length of the block, then gives the old handlers back.

    Outside the main thread, where Python lets nobody handle signals, the `Stop` is only ever set by hand.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    old = {number: signal.getsignal(number) for number in ending_signals()}
    for number in old:
        signal.signal(number, lambda *_: stop.set())
    try:
        yield stop
    finally:
        for number, handler in old.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def unless_stopped(call: Callable[[], Result], stop: Stop) -> Result:
    """Makes a call in a thread of its own, and waits for it no longer than until the run is asked to end.

    A library that opens a camera or a model, and the system that opens a FIFO, may take long or for ever, and in the
    thread that waits for them Python handles no signal.

    Args:
        call: opens something. It must not depend on the thread that it runs in.
        stop: of the run.

    Returns:
        What the call returned.

    Raises:
        Stopped: the run was asked to end before, or the call has not returned shortly after that.
        BaseException: whatever the call raised.
    """
    if stop.is_set():
        raise Stopped
    returned: list[Result] = []
    raised: list[BaseException] = []

    def work() -> None:
        try:
            returned.append(call())
        except BaseException as error:  # raised again below
            raised.append(error)

    thread = threading.Thread(target=work, name="opening", daemon=True)
    thread.start()
    while thread.is_alive() and not stop.is_set():
        thread.join(_POLL)
    thread.join(_GRACE)
    if raised:
        raise raised[0]
    if not returned:
        raise Stopped
    return returned[0]
