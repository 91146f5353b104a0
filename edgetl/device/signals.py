"""Ctrl-C and SIGTERM as a wish that a run notices between two frames."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


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


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Turns SIGINT and SIGTERM into a `Stop` for the length of the block, then gives the old handlers back.

    Outside the main thread, where Python lets nobody handle signals, the `Stop` is only ever set by hand.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    old = {number: signal.getsignal(number) for number in signals}
    for number in signals:
        signal.signal(number, lambda *_: stop.set())
    try:
        yield stop
    finally:
        for number, handler in old.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
