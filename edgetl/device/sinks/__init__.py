"""Where results go: each sink is a context manager that takes results, and events."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from edgetl.device.events import Event
from edgetl.device.observation import Observation


class RunEnded(Exception):  # noqa: N818 - not an error: like StopIteration
    """Raised by a sink whose reader has left: a closed window, a closed pipe. The run ends well."""


class Sink(Protocol):
    """Takes every observation of a run."""

    def write(self, observation: Observation) -> None:
        """Takes one observation; it must not change the frame's image, which other sinks share.

        Raises:
            RunEnded: nobody looks any more.
            EdgetlError: it can't go on.
        """

    def notify(self, event: Event) -> None:
        """Takes an event; after the `write` of the frame that shows it.

        Raises:
            RunEnded: nobody looks any more.
            EdgetlError: it can't go on.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
