"""Limits how many of the page's requests are served a second."""

from __future__ import annotations

import asyncio
import math
from time import monotonic
from typing import Protocol


class ClientConnection(Protocol):
    """The connection that a request came on."""

    @property
    def gone(self) -> bool:
        """Whether the client has closed the connection."""

    def admit(self) -> bool:
        """Gives an authorized connection one of the limited places; returns False if all places are taken."""

    def hang_up(self) -> None:
        """Ends the connection without an answer."""


class RateLimit:
    """Lets a limited number of requests a second pass, in the order in which they arrive.

    All methods are called in the page's event loop, so the state needs no lock. `_turn` only keeps the order.

    Args:
        rate: the number of requests that pass a second.
        burst: the number of requests that may pass at once after a pause.
        max_waiting: the number of requests that may wait for their turn.
        skip_gone: whether a request whose client is gone leaves its turn to the next request.
    """

    def __init__(
        self, rate: float = 200.0, burst: float = 200.0, max_waiting: int = 64, *, skip_gone: bool = True
    ) -> None:
        self._interval = 1 / rate
        self._burst_seconds = burst / rate
        self._max_waiting = max_waiting
        self._skip_gone = skip_gone
        self._next_at = -math.inf
        self._waiting = 0
        self._turn = asyncio.Lock()

    @property
    def full(self) -> bool:
        """Whether no further request may wait."""
        return self._waiting >= self._max_waiting

    async def wait_for_turn(self, connection: ClientConnection) -> bool:
        """Waits for a request's turn.

        Args:
            connection: the connection that the request came on.

        Returns:
            True if the turn came and the client is still there; False if the client is gone or the queue is full.
        """
        if not self._waiting and self._seconds_left() <= 0:
            self._take_turn()
            return not connection.gone
        if self.full:
            return False
        self._waiting += 1
        try:
            async with self._turn:
                if self._skip_gone and connection.gone:
                    return False
                await asyncio.sleep(self._seconds_left())
                self._take_turn()
                return not connection.gone
        finally:
            self._waiting -= 1

    def _seconds_left(self) -> float:
        """Returns the time until the next turn, s; 0 or less if the next request may pass now."""
        return self._next_at - monotonic()

    def _take_turn(self) -> None:
        self._next_at = max(self._next_at, monotonic() - self._burst_seconds) + self._interval
