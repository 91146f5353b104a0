"""Ends a run well after Ctrl-C, SIGTERM or SIGHUP: the signal sets a `Stop`, which the run reads between frames."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")

_POLL = 0.05
"""Time between two checks of a wait whether the run was asked to end, s."""
_GRACE = 1.0
"""Time that an opening may still take after the run was asked to end, s. If it returns in that time, what it opened is
closed in order; otherwise its thread is left behind."""


class Stop:
    """A request to end a run, from a signal or from any thread.

    Lock rule: no lock. The one field is a bool that only ever turns true. It is not a `threading.Event`, which takes a
    lock: a second signal that arrives while the handler of the first one holds that lock would wait for ever.

    Example:
        >>> stop = Stop()
        >>> stop.set()
        >>> stop.is_set()
        True
    """

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Asks the run to end."""
        self._is_set = True

    def is_set(self) -> bool:
        """Says whether the run was asked to end."""
        return self._is_set


class Stopped(Exception):  # noqa: N818 - not an error: like StopIteration
    """Raised if a run is asked to end before it has opened everything."""


def ending_signals() -> list[signal.Signals]:
    """Returns the signals that end a command: Ctrl-C, SIGTERM, and the SIGHUP of a terminal or session that ends.

    An ignored SIGHUP stays ignored, because `nohup` keeps a command alive in this way.
    """
    signals = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup is not None and signal.getsignal(hangup) != signal.SIG_IGN:
        signals.append(hangup)
    return signals


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Makes the `ending_signals` set a `Stop` within the block, and restores the old handlers after it.

    Python handles signals only in the main thread. In another thread the `Stop` is set only by a call of `set`.
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
    """Makes a call in a thread of its own, and stops waiting for it when the run is asked to end.

    Opening a camera, a model or a FIFO may take long or for ever, and Python handles no signal in a thread that waits
    inside a library.

    Args:
        call: the function that opens something. It must not depend on the thread that it runs in.
        stop: the run's stop.

    Returns:
        The value that the call returned.

    Raises:
        Stopped: the run was asked to end before, or the call has not returned shortly after that.
        BaseException: the call raised it.
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
