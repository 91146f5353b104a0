"""Collects the wishes of a person during a capture: to take a photo, or to end it, from any thread."""

from __future__ import annotations

from collections import deque

from edgetl.device.stop import Stop

_TAKE = frozenset({" ", "\n", "\r"})
"""The keys that take a photo: the space bar and Enter."""
_END = frozenset({"q", "Q", "\x1b"})
"""The keys that end the capture: q and Esc."""


class Requests:
    """The photos that a person has asked for and that have not been taken yet.

    Lock rule: no lock. A deque's `append` and `popleft` are atomic.

    Args:
        stop: the stop that a key may set.
    """

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._wanted: deque[None] = deque(maxlen=1)  # several wishes before the next frame are one photo

    def press(self, key: str) -> None:
        """Takes a key from the terminal or the window; keys without a meaning are ignored.

        Args:
            key: the key's character.
        """
        if key in _TAKE:
            self.take_photo()
        elif key in _END:
            self._stop.set()

    def take_photo(self) -> None:
        """Asks for a photo of the next frame."""
        self._wanted.append(None)

    def is_wanted(self) -> bool:
        """Returns whether a photo was asked for since the last call."""
        try:
            self._wanted.popleft()
        except IndexError:
            return False
        return True
