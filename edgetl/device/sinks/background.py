"""Runs a sink in a thread of its own, so that a slow or a stuck sink never delays inference."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import replace
from time import monotonic
from types import TracebackType
from typing import Self

import numpy as np

from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.sinks import RunEnded, Sink
from edgetl.device.sinks.sink_retry import SinkRetry, Work
from edgetl.device.status import Status
from edgetl.device.stop import Stop
from edgetl.errors import EdgetlError

logger = logging.getLogger(__name__)

_MAX_EVENTS = 10_000
"""At most this many events wait for a sink, so that memory stays bounded; a sink that far behind is stuck."""
_PATIENCE = 10.0
"""The end of a run waits this long for a sink that takes nothing, s; a sink that works is waited for without limit."""
_NO_PICTURE = np.zeros((0, 0, 3), np.uint8)


class Background:
    """Queues observations and events for a sink, which takes them in a thread of its own.

    Over a live camera (`lossless` is false) an observation is dropped and counted if the queue is full. A failure of
    the sink is reported as an event, and what waits is delivered after the sink has recovered. If the sink can't be
    entered again, everything from its failure on is dropped.

    Over files (`lossless` is true) `write` waits while the queue is full, and an error of the sink ends the run; what
    still waits is then dropped.

    Events never wait for room. In both cases an event is dropped and counted only if 10,000 events wait already.

    Lock rule: `_changed` guards `_work`, `_frames`, `_ending`, `_error` and `_taken_at`, and is notified at each change
    of them. `_delivery` is used by the run's thread before the sink's thread starts and after it has ended, and by the
    sink's thread in between.

    Args:
        sink: the sink, not entered yet.
        name: the sink's name in messages and in the counts of dropped observations, such as `jsonl`.
        max_frames: the number of observations that may wait.
        lossless: whether `write` waits for room instead of dropping an observation: for files, not a live camera.
        status: counts the dropped observations and takes the events of a failure.
        pictures: whether the sink needs pictures; without them many observations wait in little memory.
        reopens: whether a failed sink may be entered again and goes on with what it has written.
        stop: ends the wait for room when the run is stopped.
    """

    def __init__(
        self,
        sink: Sink,
        name: str,
        max_frames: int = 4,
        *,
        lossless: bool,
        status: Status,
        pictures: bool = True,
        reopens: bool = False,
        stop: Stop | None = None,
    ) -> None:
        self._name = name
        self._max_frames = max_frames
        self._lossless = lossless
        self._status = status
        self._pictures = pictures
        self._stop = stop or Stop()
        self._delivery = SinkRetry(sink, name, status, reopens=reopens, wait=self._wait_for_end)
        self._work: deque[Work] = deque()
        self._frames = 0  # the observations among the work
        self._ending = False
        self._error: BaseException | None = None
        self._taken_at = monotonic()  # when the sink last took something, or had nothing to take
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._serve, name=f"sink {name}", daemon=True)

    def __enter__(self) -> Self:
        self._delivery.enter()
        self._thread.start()
        return self

    def write(self, observation: Observation) -> None:
        """Queues an observation for the sink.

        Raises:
            RunEnded: the sink's viewer or reader is gone, or the run was stopped while this call waited for room.
            EdgetlError: the sink can't go on; over files only.
        """
        if not self._pictures:
            frame = replace(observation.frame, image=_NO_PICTURE, jpeg=None, full=None)
            observation = replace(observation, frame=frame)
        with self._changed:
            while self._lossless and self._frames >= self._max_frames and self._error is None:
                if self._stop.is_set():
                    raise RunEnded
                self._changed.wait(0.1)  # a signal does not notify the condition
            self._raise_error()
            if self._frames >= self._max_frames:
                self._status.sink_dropped(self._name)
                return
            self._frames += 1
            self._put(observation)

    def notify(self, event: Event) -> None:
        """Queues an event for the sink; it is dropped and counted only if 10,000 events wait already.

        Raises:
            RunEnded: the sink's viewer or reader is gone.
            EdgetlError: the sink can't go on; over files only.
        """
        with self._changed:
            self._raise_error()
            if len(self._work) - self._frames >= _MAX_EVENTS:
                self._status.sink_dropped(self._name)
                return
            self._put(event)

    def _put(self, work: Work) -> None:
        if not self._work:
            self._taken_at = monotonic()
        self._work.append(work)
        self._changed.notify_all()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _serve(self) -> None:
        deliver = self._delivery.deliver if self._lossless else self._delivery.deliver_with_retries
        try:
            while (work := self._next()) is not None:
                deliver(work)
        except BaseException as error:  # raised again by the next `write`, `notify` or `__exit__`
            with self._changed:
                self._error = error
                self._work.clear()
                self._frames = 0
                self._changed.notify_all()

    def _next(self) -> Work | None:
        """Waits for work; returns None when the run ends and all work is done."""
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

    def _wait_for_end(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._ending, seconds)

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
            what = f"{self._name} no longer answers; its last results are lost"
            remedy = "check the disk, the pipe or the program that it writes to"
            self._raise_or_log(EdgetlError(what, remedy=remedy), error)
            return
        self._delivery.exit(error or self._error)
        if self._error is not None and not isinstance(self._error, RunEnded):
            self._raise_or_log(self._error, error)

    def _raise_or_log(self, own: BaseException, first: BaseException | None) -> None:
        """Raises the sink's own error, or logs it if the run ends with another error already."""
        if first is None:
            raise own
        if first is not own:
            logger.warning("%s", own)
