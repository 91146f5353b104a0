"""Saves a picture of each event."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2

from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.sinks import Sink
from edgetl.device.sinks.drawing import Drawing
from edgetl.errors import EdgetlError
from edgetl.files import friendly_os_errors, write_atomic
from edgetl.text import json_text
from edgetl.vision.arrays import Image
from edgetl.vision.draw import draw

DEFAULT_MAX_EVENTS = 1000
"""The number of events that are kept unless the user sets another, so that the folder can't fill the disk."""
_QUALITY = 90
_NAME = re.compile(r"(\d{8}-\d{6}-\d{6}-[a-z_]+)(\.json|\.jpg|\.clean\.jpg)")
_DRAWN, _CLEAN = ".jpg", ".clean.jpg"


class EventFrames:
    """Passes a sink only the frames that show an event, so that the sink has time for each of them.

    Args:
        sink: the sink, not entered yet.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._latest: Observation | None = None

    def __enter__(self) -> Self:
        self._sink.__enter__()
        return self

    def write(self, observation: Observation) -> None:
        """Holds an observation until the next one comes."""
        self._latest = observation

    def notify(self, event: Event) -> None:
        """Passes an event on, and before it the observation of the frame that shows it."""
        if self._latest and self._latest.frame.index == event.index:
            self._sink.write(self._latest)
            self._latest = None
        self._sink.notify(event)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sink.__exit__(kind, error, trace)


class Snapshots:
    """Saves three files for each event: `NAME.jpg` with the result drawn on it, `NAME.clean.jpg` and `NAME.json`.

    NAME is the event's time and kind. The JSON file holds the event, its `time` in ISO 8601 and the result. It is
    written last, so that an event with a JSON file is complete. An event that no frame shows, such as a lost camera,
    has only the JSON file.

    Args:
        folder: the folder for the files; it is made if it does not exist.
        most: the number of events to keep; the oldest ones are deleted.
        drawing: draws a result onto a picture.

    Raises:
        EdgetlError: a file can't be written.
    """

    def __init__(self, folder: Path, most: int = DEFAULT_MAX_EVENTS, drawing: Drawing = draw) -> None:
        self._folder = folder
        self._most = most
        self._drawing = drawing
        self._names: list[str] = []  # of the events in the folder, the oldest first
        self._latest: Observation | None = None
        self._encoded: dict[str, bytes] = {}  # the JPEG files of the latest frame, by suffix

    def __enter__(self) -> Self:
        with friendly_os_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            found = (_NAME.fullmatch(file.name) for file in self._folder.iterdir())
            self._names = sorted({name[1] for name in found if name})
        return self

    def write(self, observation: Observation) -> None:
        """Holds an observation, which the next events may show."""
        self._latest = observation
        self._encoded = {}

    def notify(self, event: Event) -> None:
        """Saves an event's files, and deletes those of the oldest event if there are too many."""
        now = datetime.now().astimezone()
        name = f"{now:%Y%m%d-%H%M%S-%f}-{event.kind}"
        document = {"time": now.isoformat(timespec="milliseconds")} | event.to_dict()
        files: dict[str, bytes] = {}
        if event.index is not None:
            document["index"] = event.index
        if self._latest and self._latest.frame.index == event.index:
            document |= self._latest.result.to_dict()
            files = {f"{name}{suffix}": data for suffix, data in self._pictures(self._latest).items()}
        files[f"{name}.json"] = (json_text(document) + "\n").encode()
        try:
            for file, data in files.items():
                write_atomic(self._folder / file, data)
        except EdgetlError:
            self._remove(name)
            raise
        self._names.append(name)
        for old in self._names[: -self._most]:
            self._remove(old)
        self._names = self._names[-self._most :]

    def _pictures(self, observation: Observation) -> dict[str, bytes]:
        """Returns the JPEG files of a frame by suffix; they are encoded once for all events of the frame."""
        if not self._encoded:
            picture = observation.frame.picture()
            drawn = picture.copy()
            self._drawing(drawn, observation.result)
            self._encoded = {_CLEAN: observation.frame.jpeg or _jpeg(picture), _DRAWN: _jpeg(drawn)}
        return self._encoded

    def _remove(self, name: str) -> None:
        """Deletes an event's files, the JSON file first, so that an event with a JSON file is always complete."""
        for suffix in (".json", _DRAWN, _CLEAN):
            path = self._folder / f"{name}{suffix}"
            with friendly_os_errors(path):
                path.unlink(missing_ok=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Does nothing: the frame is still needed if an event is delivered again after a failure."""


def _jpeg(image: Image) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
