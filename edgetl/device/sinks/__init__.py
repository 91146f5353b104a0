"""Defines a sink: an output of a run, such as a file, a window, a broker or the live page."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from edgetl.device.events import Event
from edgetl.device.observation import Observation


class RunEnded(Exception):  # noqa: N818 - not an error: like StopIteration
    """Raised by a sink or a callback to end the run without an error, for example because a window was closed.

    Example:
        >>> import edgetl
        >>> def stop_at_once(observation):
        ...     raise edgetl.RunEnded
        >>> edgetl.run(edgetl.RunSettings(model="parts", source="photos/disc"), stop_at_once).summary.frames
        1
    """


@runtime_checkable
class Sink(Protocol):
    """Takes every observation and every event of a run, between `__enter__` and `__exit__`.

    One thread at a time calls the methods.

    Example:
        >>> import contextlib, edgetl
        >>> class Names(contextlib.AbstractContextManager):
        ...     def __exit__(self, *error):
        ...         print("closed")
        ...     def write(self, observation):
        ...         print(observation.frame.name)
        ...     def notify(self, event):
        ...         pass
        >>> result = edgetl.run(edgetl.RunSettings(model="parts", source="photos/disc", max_frames=1), sinks=[Names()])
        00.jpg
        closed
    """

    def write(self, observation: Observation) -> None:
        """Takes one observation.

        Args:
            observation: the frame and its result. Other sinks get the same object: the picture must not be changed.

        Raises:
            RunEnded: the viewer or reader is gone.
            EdgetlError: the sink can't go on.
        """

    def notify(self, event: Event) -> None:
        """Takes one event, after the observation of the frame that shows it.

        Args:
            event: the event.

        Raises:
            RunEnded: the viewer or reader is gone.
            EdgetlError: the sink can't go on.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
