"""Hands the latest observation and the recent events of a run from its thread to the page's event loop."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.sinks.drawing import Drawing
from edgetl.vision.draw import draw

_MAX_EVENTS = 50
"""A viewer who opens the page sees at most this many earlier events: the page's list has room for as many."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """An observation with its number in the feed.

    Attributes:
        observation: the frame with its result.
        number: the number in the feed, counted from 1.
    """

    observation: Observation
    number: int


class LiveFeed:
    """The latest observation and the recent events of a run.

    The run's thread writes, and the page's event loop reads. There is no lock, so that the run never waits: `latest` is
    replaced as a whole and `events` is a deque, both in one atomic step. `_loop` and `_waiter` are written by the
    page's event loop only; the run's thread only asks the loop to wake the waiter.

    Args:
        drawing: draws a result onto a picture.

    Attributes:
        drawing: the function that draws a result onto a picture.
        latest: the latest observation; None before the first one.
        events: the recent events, each with its number, counted from 1.
    """

    def __init__(self, drawing: Drawing = draw) -> None:
        self.drawing = drawing
        self.latest: Numbered | None = None
        self.events: deque[tuple[int, Event]] = deque(maxlen=_MAX_EVENTS)
        self._numbers = itertools.count(1)
        self._event_numbers = itertools.count(1)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiter: asyncio.Future[None] | None = None

    def put(self, observation: Observation) -> None:
        """Replaces the latest observation; called in the run's thread.

        Args:
            observation: the frame to show, with its result.
        """
        self.latest = Numbered(observation, next(self._numbers))
        loop = self._loop
        if self._waiter is not None and loop is not None:
            with suppress(RuntimeError):  # the loop has just been closed
                loop.call_soon_threadsafe(self._wake)

    def notify(self, event: Event) -> None:
        """Adds an event; called in the run's thread.

        Args:
            event: the event to show.
        """
        self.events.append((next(self._event_numbers), event))

    async def newer_than(self, number: int) -> Numbered:
        """Waits for an observation; called in the page's event loop, by one task at a time.

        Args:
            number: the number of the last observation that the caller has seen; 0 for none.

        Returns:
            The latest observation, as soon as its number is higher.
        """
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                # Made before `latest` is read, so that an observation that comes between the two wakes this task.
                self._waiter = self._loop.create_future()
                latest = self.latest
                if latest is not None and latest.number > number:
                    return latest
                await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
