"""Where results go: each sink is a context manager that takes results, and events."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event
from edgetl.vision.results import Result


class RunEnded(Exception):  # noqa: N818 - not an error: like StopIteration
    """Raised by a sink whose reader has left: a closed window, a closed pipe. The run ends well."""


class Sink(Protocol):
    """Takes every frame of a run with its result."""

    def write(self, frame: Frame, result: Result) -> None:
        """Takes one frame; it must not change the frame's image, which other sinks see too.

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
