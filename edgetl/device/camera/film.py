"""A film."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from edgetl.card import InputSpec
from edgetl.device.camera.address import without_password
from edgetl.device.camera.ffmpeg_memory import FILM_BYTES, bound_memory
from edgetl.device.camera.opencv_capture import Capture, open_capture
from edgetl.errors import CameraError
from edgetl.files import local_path


def open_film(source: str, spec: InputSpec | None = None) -> Capture:
    """Opens a film; every one of its frames is read, however long that takes.

    Args:
        source: a path.
        spec: see `edgetl.device.camera.open_camera`.

    Raises:
        CameraError: it isn't there, or can't be decoded.
    """
    path = local_path(source)
    shown = without_password(source)
    if not path.is_file():
        if path.exists():
            raise CameraError("this is no regular file", where=shown, remedy="name a film, or a folder of photos")
        remedy = "check the path; --source takes a camera's number, a film, photos, or an address such as rtsp://HOST/"
        raise CameraError("there is no such film", where=shown, remedy=remedy)
    bound_memory(FILM_BYTES)
    with _ffmpegs_name(path) as name:
        capture = open_capture(name, cv2.CAP_FFMPEG)
    if capture is None:
        remedy = "play it elsewhere to see whether it is whole; `ffmpeg -i FILM new.mp4` makes one that can be read"
        raise CameraError("this film can't be decoded", where=shown, remedy=remedy)
    return Capture(capture, shown, live=False, spec=spec)


@contextmanager
def _ffmpegs_name(path: Path) -> Iterator[str]:
    """Gives a film's path as FFmpeg takes it for one: what comes before a colon is a protocol to it.

    A name that isn't UTF-8 can't be handed over. For the length of the block the open file stands for it.
    """
    name = str(path.absolute())
    try:
        name.encode()
    except UnicodeEncodeError:
        with path.open("rb") as file:
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        yield name
