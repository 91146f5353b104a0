"""Annotated photos, each as a file of its own."""

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

WRITTEN = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
"""The suffixes, in lower case, of the formats that photos are written in; a photo of another one becomes a JPEG."""
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 92, cv2.IMWRITE_WEBP_QUALITY, 92]


class PhotoFiles:
    """Writes each photo with its result drawn on, under its own name or a given one.

    A name that comes twice in a run, from two folders, gets a number. Photos of an earlier run are replaced.

    Args:
        target: the folder that the photos go to, or the file that a single photo becomes.
        single: whether `target` is a file.
        drawing: puts results onto pictures.

    Raises:
        EdgetlError: a photo can't be written.
    """

    def __init__(self, target: Path, *, single: bool = False, drawing: Drawing = draw) -> None:
        self._target = target
        self._single = single
        self._drawing = drawing
        self._names: set[str] = set()  # in lower case, as some file systems see them

    def __enter__(self) -> Self:
        return self

    def write(self, observation: Observation) -> None:
        """Writes a photo."""
        frame, result = observation.frame, observation.result
        picture = frame.picture().copy()
        self._drawing(picture, result)
        path = self._target if self._single else self._target / self._free_name(frame.name)
        try:
            written, data = cv2.imencode(path.suffix.lower(), picture, _QUALITY)
        except cv2.error:  # as one does for a picture that its format has no room for
            written = False
        if not written:
            what = f"a picture of {picture.shape[1]} x {picture.shape[0]} px can't be written in this format"
            raise EdgetlError(what, where=str(path), remedy="save it as .png")
        write_atomic(path, data.tobytes())

    def notify(self, event: Event) -> None:
        """Shows none."""

    def _free_name(self, name: str) -> str:
        path = Path(re.sub(r"[\\/]", "_", name))
        suffix = path.suffix if path.suffix.lower() in WRITTEN else ".jpg"
        free, number = f"{path.stem}{suffix}", 1
        while free.lower() in self._names:
            number += 1
            free = f"{path.stem}-{number}{suffix}"
        self._names.add(free.lower())
        return free

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Has nothing to close."""
