"""Where results go: each sink is a context manager that takes results, and events."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from edgetl.device.camera import Camera, Frame
from edgetl.device.events import Event
from edgetl.device.model import Timings
from edgetl.errors import UsageError
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

    def tell(self, event: Event) -> None:
        """Takes an event; after the `write` of the frame that shows it.

        Raises:
            RunEnded: nobody looks any more.
            EdgetlError: it can't go on.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_sinks(
    camera: Camera, timings: Timings, *, source: str, jsonl: str | None, save: Path | None, show: bool, quiet: bool
) -> list[Sink]:
    """Makes the sinks that a run was asked for, to be entered in their order.

    Args:
        camera: opened.
        timings: the model's.
        source: of the camera's frames, as `open_camera` took it.
        jsonl: a file's path, or `-` for stdout.
        save: the annotated film.
        show: a window.
        quiet: no lines for people on stderr.

    Raises:
        UsageError: the film's path can't be one, or the source would be overwritten.
    """
    for option, path in (("--save", save), ("--jsonl", Path(jsonl) if jsonl else None)):
        if path and _same(path.expanduser(), Path(source).expanduser()):
            what = f"{option} would overwrite the source"
            raise UsageError(what, where=str(path), remedy=f"name another file with {option}")
    # Here, since those modules take RunEnded from this one.
    from edgetl.device.sinks.console import Console
    from edgetl.device.sinks.jsonl import JsonLines
    from edgetl.device.sinks.video import VideoFile
    from edgetl.device.sinks.window import Window

    sinks: list[Sink] = []
    if show:
        sinks.append(Window())
    if jsonl:
        sinks.append(JsonLines(jsonl, timings))
    if save:
        sinks.append(VideoFile(save.expanduser(), fps=camera.fps, live=camera.live))
    if not quiet:
        sinks.append(Console(sys.stderr))
    return sinks


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them isn't there, or is no path at all
        return False
