"""Reads single keys from the terminal during a capture, without Enter."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

_POLL = 0.1
"""Time between two checks whether the capture has ended, s."""


def has_terminal() -> bool:
    """Returns whether a person can press keys: stdin is a terminal, and this process is in its foreground."""
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (AttributeError, OSError, ValueError):  # stdin is closed, or the system has no terminals
        return False


class TerminalKeys:
    """Calls a function for each key that is pressed in the terminal, in a thread of its own; Ctrl-C stays a signal.

    Args:
        press: the function that gets the key's character.
    """

    def __init__(self, press: Callable[[str], None]) -> None:
        self._press = press
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, name="keys", daemon=True)
        self._terminal = -1
        self._before: list[object] | None = None

    def __enter__(self) -> Self:
        import termios
        import tty

        self._terminal = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._terminal)
        tty.setcbreak(self._terminal)
        self._thread.start()
        return self

    def _read(self) -> None:
        with suppress(OSError, ValueError):  # the terminal was closed
            while not self._ended.is_set():
                if select.select([self._terminal], [], [], _POLL)[0]:
                    keys = os.read(self._terminal, 64)
                    if not keys:
                        return
                    for key in keys.decode("utf-8", "replace"):
                        self._press(key)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import termios

        self._ended.set()
        self._thread.join(1.0)
        with suppress(termios.error):
            termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._before)  # type: ignore[arg-type]
