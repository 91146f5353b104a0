"""A picture of each event."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2

from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.sinks import Sink
from edgetl.device.sinks.drawing import Drawing
from edgetl.errors import EdgetlError
from edgetl.files import friendly_os_errors, write_atomic
from edgetl.text import json_text
from edgetl.vision.draw import draw
from edgetl.vision.results import Result

MOST = 1000
"""Events that are kept unless asked otherwise."""
_QUALITY = 90
_NAME = re.compile(r"(\d{8}-\d{6}-\d{6}-[a-z_]+)(\.json|\.jpg|\.clean\.jpg)")
_SEEN, _CLEAN = ".jpg", ".clean.jpg"


class EventFrames:
    """Hands a sink only the frames that an event shows, so that it has time for those.

    Args:
        sink: not entered yet.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._newest: Observation | None = None

    def __enter__(self) -> Self:
        self._sink.__enter__()
        return self

    def write(self, observation: Observation) -> None:
        """Keeps a frame until the next one comes."""
        self._newest = observation

    def notify(self, event: Event) -> None:
        """Hands on an event, and before it the frame that shows it."""
        if self._newest and self._newest.frame.index == event.index:
            self._sink.write(self._newest)
            self._newest = None
        self._sink.notify(event)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sink.__exit__(kind, error, trace)


class Snapshots:
    """Three files an event: `NAME.jpg` with the result drawn on, `NAME.clean.jpg` and `NAME.json`.

    NAME is the event's time and kind. The JSON, which is written last, holds what the event tells, `time` in ISO 8601
    and the result. An event that no frame shows, such as a lost camera, has the JSON alone.

    Args:
        folder: for the files; made if need be.
        most: events that are kept; the oldest go.
        drawing: puts results onto pictures.

    Raises:
        EdgetlError: a file can't be written.
    """

    def __init__(self, folder: Path, most: int = MOST, drawing: Drawing = draw) -> None:
        self._folder = folder
        self._most = most
        self._drawing = drawing
        self._kept: list[str] = []
        self._shown: Observation | None = None
        self._encoded: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        with friendly_os_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            found = (_NAME.fullmatch(file.name) for file in self._folder.iterdir())
            self._kept = sorted({name[1] for name in found if name})
        return self

    def write(self, observation: Observation) -> None:
        """Remembers what the next events may show."""
        self._shown = observation
        self._encoded = {}

    def notify(self, event: Event) -> None:
        """Writes an event's files."""
        now = datetime.now().astimezone()
        name = f"{now:%Y%m%d-%H%M%S-%f}-{event.kind}"
        told = {"time": now.isoformat(timespec="milliseconds")} | event.to_dict()
        files: dict[str, bytes] = {}
        if event.index is not None:
            told["index"] = event.index
        if self._shown and self._shown.frame.index == event.index:
            frame, result = self._shown.frame, self._shown.result
            told |= result.to_dict()
            files = {f"{name}{suffix}": data for suffix, data in self._pictures(frame, result).items()}
        files[f"{name}.json"] = (json_text(told) + "\n").encode()
        try:
            for file, data in files.items():
                write_atomic(self._folder / file, data)
        except EdgetlError:
            self._remove(name)
            raise
        self._kept.append(name)
        for old in self._kept[: -self._most]:
            self._remove(old)
        self._kept = self._kept[-self._most :]

    def _pictures(self, frame: Frame, result: Result) -> dict[str, bytes]:
        """The JPEG files of the frame by their suffixes, made once for all its events."""
        if not self._encoded:
            picture = frame.picture()
            drawn = picture.copy()
            self._drawing(drawn, result)
            self._encoded = {_CLEAN: frame.jpeg or _jpeg(picture), _SEEN: _jpeg(drawn)}
        return self._encoded

    def _remove(self, name: str) -> None:
        """Deletes an event's files: the JSON first, so that what has one is whole."""
        for suffix in (".json", _SEEN, _CLEAN):
            path = self._folder / f"{name}{suffix}"
            with friendly_os_errors(path):
                path.unlink(missing_ok=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Has nothing to close; the frame stays, for an event that is told again after a failure."""


def _jpeg(image: cv2.typing.MatLike) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
