"""Results as lines for people."""

from __future__ import annotations

from types import TracebackType
from typing import Self, TextIO

from edgetl.device.camera import Frame
from edgetl.vision.results import Classification


class Console:
    """A line for every photo; of a film or a camera only when the best label changes, twice a second at most.

    Args:
        stream: usually stderr.
        pause: between two lines of a film or a camera, s.
    """

    def __init__(self, stream: TextIO, pause: float = 0.5) -> None:
        self._stream = stream
        self._pause = pause
        self._label: str | None = None
        self._next = 0.0

    def __enter__(self) -> Self:
        return self

    def write(self, frame: Frame, result: Classification) -> None:
        """Prints a line where there is something new to say."""
        if frame.name:
            self._print(f"{frame.name}: {result}")
            return
        label = result.labels[0] if result.labels else ""
        if label != self._label and frame.captured_at >= self._next:
            self._label, self._next = label, frame.captured_at + self._pause
            self._print(f"frame {frame.index}: {result}")

    def _print(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Has nothing to close."""
