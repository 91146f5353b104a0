"""A sink in a thread of its own, so that a slow or a dead one never holds up inference."""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from types import TracebackType
from typing import Self

import numpy as np

from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.sinks import RunEnded, Sink
from edgetl.device.sinks.nothing import Nothing
from edgetl.device.status import Status
from edgetl.device.stop import Stop
from edgetl.errors import EdgetlError

logger = logging.getLogger(__name__)

_PAUSES = (0.5, 30.0)
"""Before a failed sink is tried again: the first one, which doubles, and the longest; s."""
_EVENTS = 10_000
"""Events that may wait for a sink."""
_PATIENCE = 10.0
"""How long the end of a run waits for a sink that takes nothing more, s."""
_NO_PICTURE = np.zeros((0, 0, 3), np.uint8)

_Work = Observation | Event


class Background:
    """Hands frames, results and events to a sink in a thread of its own; a sink itself.

    Of a live camera a full queue drops frames, which are counted, and an error of the sink is told as an event. Of
    files it waits, and an error of the sink ends the run.

    Args:
        sink: not entered yet.
        name: for people and for the counts of what was dropped, such as `jsonl`.
        room: frames that may wait for it.
        lossless: whether it waits for the sink: files, not a live camera.
        status: where drops are counted and failures told.
        pictures: whether the sink looks at pictures; without, many frames may wait in little memory.
        reopens: whether a sink that failed may be entered again, going on with what it had written; else what comes
            after its failure is lost.
        stop: ends the wait for a sink that takes nothing more.
    """

    def __init__(
        self,
        sink: Sink,
        name: str,
        room: int = 4,
        *,
        lossless: bool,
        status: Status,
        pictures: bool = True,
        reopens: bool = False,
        stop: Stop | None = None,
    ) -> None:
        self._sink = sink
        self._name = name
        self._room = room
        self._lossless = lossless
        self._status = status
        self._pictures = pictures
        self._reopens = reopens
        self._stop = stop or Stop()
        self._work: deque[_Work] = deque()
        self._frames = 0  # of the work that waits
        self._ending = False
        self._entered = False
        self._error: BaseException | None = None
        self._failed_at: float | None = None
        self._taken_at = monotonic()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._serve, name=f"sink {name}", daemon=True)

    def __enter__(self) -> Self:
        self._sink.__enter__()
        self._entered = True
        self._thread.start()
        return self

    def write(self, observation: Observation) -> None:
        """Leaves an observation for the sink.

        Raises:
            RunEnded: nobody looks any more.
            EdgetlError: the sink of a file's frames can't go on.
        """
        if not self._pictures:
            frame = replace(observation.frame, image=_NO_PICTURE, jpeg=None, full=None)
            observation = replace(observation, frame=frame)
        with self._changed:
            while self._lossless and self._frames >= self._room and self._error is None:
                if self._stop.is_set():
                    raise RunEnded
                self._changed.wait(0.1)  # a signal wakes nobody up
            self._raise_error()
            if self._frames >= self._room:
                self._status.sink_dropped(self._name)
                return
            self._frames += 1
            self._put(observation)

    def notify(self, event: Event) -> None:
        """Leaves an event for the sink.

        Events have more room than frames, and one is dropped and counted only where thousands wait: then the sink is
        dead, and memory must stay flat.

        Raises:
            RunEnded: nobody looks any more.
            EdgetlError: the sink of a file's frames can't go on.
        """
        with self._changed:
            self._raise_error()
            if len(self._work) - self._frames >= _EVENTS:
                self._status.sink_dropped(self._name)
                return
            self._put(event)

    def _put(self, work: _Work) -> None:
        if not self._work:
            self._taken_at = monotonic()
        self._work.append(work)
        self._changed.notify_all()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _serve(self) -> None:
        try:
            while (work := self._next()) is not None:
                self._hand(work)
        except BaseException as error:  # the loop raises it again
            with self._changed:
                self._error = error
                self._work.clear()
                self._frames = 0
                self._changed.notify_all()

    def _next(self) -> _Work | None:
        """Waits for work; None at the end, when all is done."""
        with self._changed:
            while not self._work and not self._ending:
                self._changed.wait()
            if not self._work:
                return None
            work = self._work.popleft()
            self._frames -= isinstance(work, Observation)
            self._taken_at = monotonic()
            self._changed.notify_all()
            return work

    def _hand(self, work: _Work) -> None:
        """Hands one piece of work to the sink; of a live camera again and again until it takes it."""
        pause = _PAUSES[0]
        while True:
            try:
                self._reenter()
                if isinstance(work, Event):
                    self._sink.notify(work)
                else:
                    self._sink.write(work)
            except (EdgetlError, OSError) as error:
                if self._lossless:
                    raise
                self._fail(error)
                if not self._reopens or self._wait(pause):
                    return
                pause = min(2 * pause, _PAUSES[1])
            else:
                self._say_back()
                return

    def _reenter(self) -> None:
        if not self._entered:
            self._sink.__enter__()
            self._entered = True

    def _fail(self, error: Exception) -> None:
        """Tells of a sink's failure, once, and closes it; one that can't be opened again gets nothing from then on."""
        if self._failed_at is None:
            self._failed_at = monotonic()
            self._say_failed(error)
        if self._entered:
            self._entered = False
            with suppress(EdgetlError, OSError):
                self._sink.__exit__(type(error), error, error.__traceback__)
        if not self._reopens:
            self._sink = Nothing()

    def _wait(self, pause: float) -> bool:
        """Waits before another try; says whether the run ends meanwhile."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ending, pause)

    def _say_failed(self, error: Exception) -> None:
        reason = error.what if isinstance(error, EdgetlError) else str(error)
        text = f"{self._name} fails: {reason}" + ("; it is tried again" if self._reopens else "; it has ended")
        logger.warning("%s", error)
        facts = {"sink": self._name, "reason": reason}
        self._status.post(Event("sink_failed", monotonic(), text, facts=facts))

    def _say_back(self) -> None:
        if self._failed_at is None or not self._reopens:
            return
        seconds, self._failed_at = monotonic() - self._failed_at, None
        text = f"{self._name} works again after {seconds:.1f} s"
        facts = {"sink": self._name, "seconds": round(seconds, 3)}
        self._status.post(Event("sink_back", monotonic(), text, facts=facts))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._ending = True
            self._taken_at = monotonic()
            self._changed.notify_all()
        while self._thread.is_alive() and monotonic() - self._taken_at < _PATIENCE:
            self._thread.join(0.05)
        if self._thread.is_alive():
            what, remedy = f"{self._name} no longer answers; its last results are lost", "see to where it writes"
            self._tell_last(EdgetlError(what, remedy=remedy), error)
            return
        told = error or self._error
        if self._entered:
            self._sink.__exit__(type(told) if told else None, told, told.__traceback__ if told else None)
        if self._error is not None and not isinstance(self._error, RunEnded):
            self._tell_last(self._error, error)

    def _tell_last(self, own: BaseException, first: BaseException | None) -> None:
        """Raises an error that the loop doesn't know of yet, unless it ends with another one."""
        if first is None:
            raise own
        if first is not own:
            logger.warning("%s", own)
