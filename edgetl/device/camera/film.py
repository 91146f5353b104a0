"""A film."""

from __future__ import annotations

from pathlib import Path

import cv2

from edgetl.card import InputSpec
from edgetl.device.camera.capture import Capture, open_capture
from edgetl.errors import CameraError


def open_film(source: str, spec: InputSpec | None = None) -> Capture:
    """Opens a film; every one of its frames is read, however long that takes.

    Args:
        source: a path.
        spec: see `edgetl.device.camera.open_camera`.

    Raises:
        CameraError: it isn't there, or can't be decoded.
    """
    path = Path(source).expanduser()
    if not path.is_file():
        remedy = "check the path; --source takes a camera's number, a film, or photos"
        # A mistyped address may be what is no film.
        raise CameraError("there is no such film", where=str(path).rpartition("@")[2], remedy=remedy)
    capture = open_capture(str(path), cv2.CAP_FFMPEG)
    if capture is None:
        remedy = "play it elsewhere to see whether it is whole; `ffmpeg -i FILM new.mp4` makes one that can be read"
        raise CameraError("this film can't be decoded", where=str(path), remedy=remedy)
    return Capture(capture, str(path), live=False, spec=spec)
