"""A sink that drops everything, which takes the place of a sink that has failed for good."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from edgetl.device.events import Event
from edgetl.device.observation import Observation


class NullSink:
    """Drops observations and events."""

    def write(self, observation: Observation) -> None:
        """Drops an observation."""

    def notify(self, event: Event) -> None:
        """Drops an event."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass
