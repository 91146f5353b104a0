"""How fast the page's requests may come."""

from __future__ import annotations

import asyncio
import math
from time import monotonic
from typing import Protocol


class Visitor(Protocol):
    """The connection that a request came on."""

    @property
    def gone(self) -> bool:
        """Whether its other end has hung up."""

    def admit(self) -> bool:
        """Keeps a place for the connection, whose sender may look; False where all places are taken."""

    def hang_up(self) -> None:
        """Ends the connection without an answer."""


class Pace:
    """Lets so many requests a second pass and no more, in their order; used in the page's event loop.

    Args:
        rate: requests a second.
        burst: requests that may come at once.
        most: requests that may wait for their turn.
        skips: whether one whose sender has hung up gives its turn to the next one.
    """

    def __init__(self, rate: float = 200.0, burst: float = 200.0, most: int = 64, *, skips: bool = True) -> None:
        self._pause = 1 / rate
        self._ahead = burst / rate
        self._most = most
        self._skips = skips
        self._next = -math.inf
        self._waiting = 0
        self._turn = asyncio.Lock()

    @property
    def full(self) -> bool:
        """Whether nobody else may wait."""
        return self._waiting >= self._most

    async def turn(self, visitor: Visitor) -> bool:
        """Waits for a request's turn; says whether it came, and its sender is still there."""
        if not self._waiting and self._ahead_by() <= 0:
            self._take()
            return not visitor.gone
        if self.full:
            return False
        self._waiting += 1
        try:
            async with self._turn:
                if self._skips and visitor.gone:
                    return False
                await asyncio.sleep(self._ahead_by())
                self._take()
                return not visitor.gone
        finally:
            self._waiting -= 1

    def _ahead_by(self) -> float:
        """How long it is until the next turn, s; 0 or less for none."""
        return self._next - monotonic()

    def _take(self) -> None:
        self._next = max(self._next, monotonic() - self._ahead) + self._pause
