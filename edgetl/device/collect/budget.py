"""Limits how many frames are collected: many at first, then one a minute, so that no flash memory wears out."""

from __future__ import annotations

import threading

BURST = 40
"""At most this many frames are collected one soon after the other."""
_SECONDS_A_FRAME = 60.0
"""One further frame may be collected for each time of this length, s."""
LEAST = 0.5
"""A frame must be at least so informative, 0..1, while many may still be collected."""
_LEAST_AT_LAST = 0.9
"""A frame must be at least so informative, 0..1, when hardly any more may be collected."""


class Budget:
    """Counts the frames that may still be collected; they become more with time.

    Lock rule: one lock guards both fields. The run's thread asks `least`, and the thread that writes calls `spend`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = float(BURST)
        self._at: float | None = None

    def least(self, at: float) -> float:
        """Returns how informative a frame must be to be collected, 0..1; more than 1 if none may be.

        Args:
            at: the time of the frame, s.
        """
        with self._lock:
            left = self._refilled(at)
            if left < 1:
                return 2.0
            return _LEAST_AT_LAST - (_LEAST_AT_LAST - LEAST) * (left - 1) / (BURST - 1)

    def spend(self, at: float) -> bool:
        """Takes one frame from the budget; returns False if none is left.

        Args:
            at: the time of the frame, s.
        """
        with self._lock:
            left = self._refilled(at)
            if left < 1:
                return False
            self._left, self._at = left - 1, at if self._at is None else max(at, self._at)
            return True

    def _refilled(self, at: float) -> float:
        passed = 0.0 if self._at is None else max(0.0, at - self._at)
        return min(float(BURST), self._left + passed / _SECONDS_A_FRAME)
