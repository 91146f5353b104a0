"""Delivers work to a sink that may fail, and enters the sink again after a failure."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import TypeAlias

from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.sinks import Sink
from edgetl.device.sinks.null_sink import NullSink
from edgetl.device.status import Status
from edgetl.errors import EdgetlError

logger = logging.getLogger(__name__)

_PAUSES = (0.5, 30.0)
"""The pauses before a failed sink is tried again: the first one, which doubles each time, and the longest; s."""

Work: TypeAlias = Observation | Event
"""What a sink takes: an observation for `write` or an event for `notify`."""


class SinkRetry:
    """Delivers work to a sink, and reports a failure and the recovery as events.

    One thread at a time uses the object: the thread that enters the sink, then the sink's own thread, and at the end
    the first one again. The state therefore needs no lock.

    Args:
        sink: the sink, not entered yet.
        name: the sink's name in messages, such as `jsonl`.
        status: takes the events.
        reopens: whether a failed sink may be entered again and goes on with what it has written; if not, everything
            after its failure is dropped.
        wait: waits for a number of seconds, and returns True as soon as the run ends.
    """

    def __init__(self, sink: Sink, name: str, status: Status, *, reopens: bool, wait: Callable[[float], bool]) -> None:
        self._sink = sink
        self._name = name
        self._status = status
        self._reopens = reopens
        self._wait = wait
        self._entered = False
        self._failed_at: float | None = None

    def enter(self) -> None:
        """Enters the sink unless it is entered."""
        if not self._entered:
            self._sink.__enter__()
            self._entered = True

    def deliver(self, work: Work) -> None:
        """Delivers one piece of work.

        Args:
            work: the observation or the event.

        Raises:
            EdgetlError: the sink has failed.
            OSError: the sink has failed.
            RunEnded: the sink's viewer or reader is gone.
        """
        self.enter()
        if isinstance(work, Event):
            self._sink.notify(work)
        else:
            self._sink.write(work)

    def deliver_with_retries(self, work: Work) -> None:
        """Delivers one piece of work, and tries again until the sink takes it or the run ends.

        A sink that can't be entered again is tried once; after its failure a `NullSink` takes its place.

        Args:
            work: the observation or the event.

        Raises:
            RunEnded: the sink's viewer or reader is gone.
        """
        pause = _PAUSES[0]
        while True:
            try:
                self.deliver(work)
            except (EdgetlError, OSError) as error:
                self._fail(error)
                if not self._reopens or self._wait(pause):
                    return
                pause = min(2 * pause, _PAUSES[1])
            else:
                self._report_recovery()
                return

    def _fail(self, error: Exception) -> None:
        """Reports the first of several failures, and exits the sink."""
        if self._failed_at is None:
            self._failed_at = monotonic()
            self._report_failure(error)
        if self._entered:
            with suppress(EdgetlError, OSError):
                self.exit(error)
        if not self._reopens:
            self._sink = NullSink()

    def exit(self, error: BaseException | None) -> None:
        """Exits the sink if it is entered.

        Args:
            error: the error that ends the use of the sink; None for none.
        """
        if self._entered:
            self._entered = False
            self._sink.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)

    def _report_failure(self, error: Exception) -> None:
        reason = error.what if isinstance(error, EdgetlError) else str(error)
        text = f"{self._name} fails: {reason}" + ("; it is tried again" if self._reopens else "; it has ended")
        logger.warning("%s", error)
        facts = {"sink": self._name, "reason": reason}
        self._status.post(Event("sink_failed", monotonic(), text, facts=facts))

    def _report_recovery(self) -> None:
        if self._failed_at is None or not self._reopens:
            return
        seconds, self._failed_at = monotonic() - self._failed_at, None
        text = f"{self._name} works again after {seconds:.1f} s"
        facts = {"sink": self._name, "seconds": round(seconds, 3)}
        self._status.post(Event("sink_back", monotonic(), text, facts=facts))
