"""Passes a sink only the frames that may be worth labelling, so that the others cost the run nearly nothing."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from edgetl.device.collect.selector import FrameSelector
from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.sinks import Sink


class Collecting:
    """Passes the candidates that a selector chooses to the sink that keeps them.

    Args:
        sink: the sink, not entered yet.
        selector: the choice of the frames.
    """

    def __init__(self, sink: Sink, selector: FrameSelector) -> None:
        self._sink = sink
        self._selector = selector

    def __enter__(self) -> Self:
        self._sink.__enter__()
        return self

    def write(self, observation: Observation) -> None:
        """Shows the selector an observation, and passes on what it chooses."""
        for chosen in self._selector.add(observation):
            self._sink.write(chosen)

    def notify(self, event: Event) -> None:
        """Does nothing: frames are chosen by their results."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                for chosen in self._selector.rest():
                    self._sink.write(chosen)
        finally:
            self._sink.__exit__(kind, error, trace)
