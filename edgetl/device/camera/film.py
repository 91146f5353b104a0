"""Films: reads every frame of a film file through FFmpeg."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from edgetl.card import InputSpec
from edgetl.device.camera.ffmpeg_memory import FILM_BYTES, bound_memory
from edgetl.device.camera.opencv_capture import Capture, open_capture
from edgetl.device.camera.source import Source
from edgetl.errors import CameraError
from edgetl.files import local_path


def open_film(source: Source, spec: InputSpec | None = None) -> Capture:
    """Opens a film, of which every frame is read, however long that takes.

    Args:
        source: the film.
        spec: the model's input; see `edgetl.device.camera.open_camera`.

    Raises:
        CameraError: the film is not there or can't be decoded.
    """
    path = local_path(source.text)
    if not path.is_file():
        if path.exists():
            remedy = "name a film, or a folder of photos"
            raise CameraError("this is no regular file", where=source.shown, remedy=remedy)
        remedy = "check the path; --source takes a camera's number, a film, photos, or an address such as rtsp://HOST/"
        raise CameraError("there is no such film", where=source.shown, remedy=remedy)
    bound_memory(FILM_BYTES)
    with _ffmpeg_name(path) as name:
        capture = open_capture(name, cv2.CAP_FFMPEG)
    if capture is None:
        remedy = "check in a player that the film is whole; `ffmpeg -i FILM new.mp4` makes one that can be read"
        raise CameraError("this film can't be decoded", where=source.shown, remedy=remedy)
    return Capture(capture, source.shown, live=False, spec=spec)


@contextmanager
def _ffmpeg_name(path: Path) -> Iterator[str]:
    """Returns a name under which FFmpeg opens a file during the block.

    The path is absolute, because FFmpeg takes the text before a colon for a protocol. FFmpeg can't be given a name that
    isn't UTF-8; in its place stands the number of the open file.
    """
    name = str(path.absolute())
    try:
        name.encode()
    except UnicodeEncodeError:
        with path.open("rb") as file:
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        yield name
