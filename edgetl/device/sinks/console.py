"""Prints results and events as lines for people."""

from __future__ import annotations

from types import TracebackType
from typing import Self, TextIO

from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.text import printable
from edgetl.vision.results import Classification


class Console:
    """Prints a line for every photo, and a line for each change in a film or a camera's picture.

    A change is another best class, or another number of objects of a class.

    Args:
        stream: the stream to print to, usually stderr.
        pause: the shortest time between two lines of a film or a camera, s.
    """

    def __init__(self, stream: TextIO, pause: float = 0.5) -> None:
        self._stream = stream
        self._pause = pause
        self._last: str | None = None
        self._next_at = 0.0

    def __enter__(self) -> Self:
        return self

    def write(self, observation: Observation) -> None:
        """Prints the result if it is a photo's, or if it has changed and the pause is over."""
        frame, result = observation.frame, observation.result
        if frame.name:
            self._print(f"{frame.name}: {result}")
            return
        present = "".join(result.labels[:1]) if isinstance(result, Classification) else str(result)
        if present != self._last and frame.captured_at >= self._next_at:
            self._last, self._next_at = present, frame.captured_at + self._pause
            self._print(f"frame {frame.index}: {result}")

    def notify(self, event: Event) -> None:
        """Prints an event, except a recognised class, which the line of its frame shows."""
        if event.kind != "recognised":
            self._print(str(event))

    def _print(self, line: str) -> None:
        try:
            self._stream.write(printable(line) + "\n")
            self._stream.flush()
        except BrokenPipeError:  # the reader of the lines has left: the run ends
            raise
        except OSError:
            pass  # a closed terminal or a full disk: the run goes on without the line

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Does nothing: the stream stays open."""
