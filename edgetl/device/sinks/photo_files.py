"""Saves annotated photos, each as a file of its own."""

from __future__ import annotations

import re
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2

from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.sinks.drawing import Drawing
from edgetl.errors import EdgetlError
from edgetl.files import write_atomic
from edgetl.vision.draw import draw

WRITABLE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
"""The suffixes, in lower case, of the formats that photos are saved in; a photo in another format becomes a JPEG."""
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 92, cv2.IMWRITE_WEBP_QUALITY, 92]


class PhotoFiles:
    """Saves each photo with its result drawn on it.

    If two photos of a run have the same name, the second file's name gets a number. Files of an earlier run are
    replaced.

    Args:
        target: the folder for the photos, or the file for a single photo.
        single: whether `target` is a file.
        drawing: draws a result onto a picture.

    Raises:
        EdgetlError: a photo can't be saved.
    """

    def __init__(self, target: Path, *, single: bool = False, drawing: Drawing = draw) -> None:
        self._target = target
        self._single = single
        self._drawing = drawing
        self._names: set[str] = set()  # in lower case, because some file systems ignore the case

    def __enter__(self) -> Self:
        return self

    def write(self, observation: Observation) -> None:
        """Saves a photo."""
        frame, result = observation.frame, observation.result
        picture = frame.picture().copy()
        self._drawing(picture, result)
        path = self._target if self._single else self._target / self._free_name(frame.name)
        try:
            written, data = cv2.imencode(path.suffix.lower(), picture, _QUALITY)
        except cv2.error:  # raised for a picture that is too large for its format
            written = False
        if not written:
            what = f"a picture of {picture.shape[1]} x {picture.shape[0]} px can't be written in this format"
            raise EdgetlError(what, where=str(path), remedy="save it as .png")
        write_atomic(path, data.tobytes())

    def notify(self, event: Event) -> None:
        """Does nothing: photos show no events."""

    def _free_name(self, name: str) -> str:
        path = Path(re.sub(r"[\\/]", "_", name))
        suffix = path.suffix if path.suffix.lower() in WRITABLE_SUFFIXES else ".jpg"
        free, number = f"{path.stem}{suffix}", 1
        while free.lower() in self._names:
            number += 1
            free = f"{path.stem}-{number}{suffix}"
        self._names.add(free.lower())
        return free

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Does nothing: every photo is complete."""
