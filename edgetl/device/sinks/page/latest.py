"""What a run shows now, handed from its thread to the page's event loop."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.sinks.drawing import Drawing
from edgetl.vision.draw import draw
from edgetl.vision.results import Result

_EVENTS_KEPT = 50


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame with its result.

    Attributes:
        frame: as the run saw it.
        result: of it.
        age: from its capture to its result, ms.
        number: counted from 1; a later one's is higher.
    """

    frame: Frame
    result: Result
    age: float
    number: int


class Scene:
    """The newest frame and the last events of a run.

    The run's thread puts them in; it never waits, and where nobody looks all it does is keep a reference.

    Args:
        drawing: puts results onto pictures.

    Attributes:
        newest: None before the first frame.
        events: the last ones with their numbers, counted from 1.
        drawing: as given.
    """

    def __init__(self, drawing: Drawing = draw) -> None:
        self.drawing = drawing
        self.newest: Shown | None = None
        self.events: deque[tuple[int, Event]] = deque(maxlen=_EVENTS_KEPT)
        self._numbers = itertools.count(1)
        self._event_numbers = itertools.count(1)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: asyncio.Future[None] | None = None

    def put(self, observation: Observation) -> None:
        """Takes an observation; from the run's thread."""
        self.newest = Shown(observation.frame, observation.result, observation.age_ms, next(self._numbers))
        loop = self._loop
        if self._waiting is not None and loop is not None:
            with suppress(RuntimeError):  # it has just been closed
                loop.call_soon_threadsafe(self._wake)

    def notify(self, event: Event) -> None:
        """Takes an event; from any thread."""
        self.events.append((next(self._event_numbers), event))

    async def after(self, number: int) -> Shown:
        """Waits for a frame newer than that of a number; in the page's event loop, for one waiter at a time."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                # Before the look at the newest, so that one that comes between the two wakes us.
                self._waiting = self._loop.create_future()
                newest = self.newest
                if newest is not None and newest.number > number:
                    return newest
                await self._waiting
        finally:
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
