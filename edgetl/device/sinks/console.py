"""Results as lines for people."""

from __future__ import annotations

from types import TracebackType
from typing import Self, TextIO

from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.text import printable
from edgetl.vision.results import Classification


class Console:
    """A line for every photo; of a film or a camera only when there is something new, twice a second at most.

    New is another best class, or another count of a class's objects.

    Args:
        stream: usually stderr.
        pause: between two lines of a film or a camera, s.
    """

    def __init__(self, stream: TextIO, pause: float = 0.5) -> None:
        self._stream = stream
        self._pause = pause
        self._said: str | None = None
        self._next = 0.0

    def __enter__(self) -> Self:
        return self

    def write(self, observation: Observation) -> None:
        """Prints a line where there is something new to say."""
        frame, result = observation.frame, observation.result
        if frame.name:
            self._print(f"{frame.name}: {result}")
            return
        news = "".join(result.labels[:1]) if isinstance(result, Classification) else str(result)
        if news != self._said and frame.captured_at >= self._next:
            self._said, self._next = news, frame.captured_at + self._pause
            self._print(f"frame {frame.index}: {result}")

    def notify(self, event: Event) -> None:
        """Prints it, unless the line of its frame says the same."""
        if event.kind != "recognised":
            self._print(str(event))

    def _print(self, line: str) -> None:
        try:
            self._stream.write(printable(line) + "\n")
            self._stream.flush()
        except BrokenPipeError:  # whoever read the lines has seen enough
            raise
        except OSError:
            pass  # a terminal was closed, or the disk of a log is full: the run goes on without the line

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Has nothing to close."""
