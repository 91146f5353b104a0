"""A film, or a stream from the network."""

from __future__ import annotations

import re
from pathlib import Path

import cv2

from edgetl.card import InputSpec
from edgetl.device.camera.capture import Capture, open_capture
from edgetl.errors import CameraError

_OPENING_MS = 10_000
_SECRET = re.compile(r"((?:pas|psw|pw|key|secret|token|auth)[^=&/?]*=)[^&]*", re.IGNORECASE)


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


def open_stream(address: str, spec: InputSpec | None = None, timeout: float = 10.0) -> Capture:
    """Opens an rtsp:// or http:// address; one with a known length is a film, any other a live camera.

    Args:
        address: it may hold a user and a password.
        spec: see `edgetl.device.camera.open_camera`.
        timeout: for the next picture, s.

    Raises:
        CameraError: nothing answers there within ten seconds, or no pictures come.
    """
    reading_ms = max(1, int(timeout * 1000))
    limits = cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _OPENING_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, reading_ms
    capture = open_capture(address, cv2.CAP_FFMPEG, limits)
    if capture is None:
        remedy = "check the address, its password, and that the camera is switched on"
        raise CameraError("no pictures come from this address", where=without_password(address), remedy=remedy)
    live = capture.get(cv2.CAP_PROP_FRAME_COUNT) <= 0
    return Capture(capture, without_password(address), live=live, spec=spec)


def without_password(address: str) -> str:
    """The address as it may appear in a log."""
    scheme, _, rest = address.partition("://")
    # A password may hold a slash, and some cameras take theirs in the path or the query.
    return f"{scheme}://" + _SECRET.sub(r"\1…", rest.rpartition("@")[2])
