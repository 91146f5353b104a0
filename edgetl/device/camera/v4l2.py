"""A camera attached to this machine."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import cv2

from edgetl.card import InputSpec
from edgetl.device.camera.frame import taken_at
from edgetl.device.camera.opencv_capture import Capture, open_capture, quiet
from edgetl.device.camera.protocol import Asked
from edgetl.errors import CameraError


def open_device(source: str, spec: InputSpec | None = None, asked: Asked = Asked()) -> Capture:
    """Opens a camera by its number or device file, with JPEGs where it has such: of raw pictures USB carries few.

    Args:
        source: `0`, or `/dev/video0`, or a link such as those in `/dev/v4l/by-id`.
        spec: see `edgetl.device.camera.open_camera`.
        asked: size and frames a second.

    Raises:
        CameraError: it isn't there, isn't ours to open, or another program has it.
    """
    if not sys.platform.startswith("linux"):
        return _open_number(source, spec, asked)
    path = Path(f"/dev/video{source}" if source.isdecimal() else source)
    if not path.exists():
        file = f"say --source ./{source} for the file of that name; " if Path(source).exists() else ""
        raise CameraError("there is no such camera", where=str(path), remedy=file + _choose(path))
    if not os.access(path, os.R_OK | os.W_OK):
        remedy = "join its group, `sudo usermod -aG video $USER`, and log in again"
        raise CameraError("you may not open this camera", where=str(path), remedy=remedy)
    capture = open_capture(str(path), cv2.CAP_V4L2)
    if capture is None:
        remedy = f"close the program that uses it; {_choose(path)}"
        raise CameraError("it is in use, or no camera that gives pictures", where=str(path), remedy=remedy)
    _set_up(capture, asked)
    return V4L2Camera(capture, str(path), live=True, spec=spec)


class V4L2Camera(Capture):
    """A V4L2 device, whose driver stamps each picture: how long it waited for its reader is part of its age."""

    def _grab(self) -> float | None:
        came_at = super()._grab()
        return None if came_at is None else taken_at(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, came_at)


def _set_up(capture: cv2.VideoCapture, asked: Asked) -> None:
    """Asks for JPEGs, a size and a pace, in this order: the sizes depend on the format, and the pace on the size."""
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))  # in vain where the camera has none
    if asked.size:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, asked.size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, asked.size[1])
    if asked.fps:
        capture.set(cv2.CAP_PROP_FPS, asked.fps)


def _open_number(source: str, spec: InputSpec | None, asked: Asked) -> Capture:
    quiet()
    capture = cv2.VideoCapture(int(source)) if source.isdecimal() else None
    if capture is None or not capture.isOpened():
        raise CameraError("there is no such camera", where=source, remedy="number the camera: 0 is the first")
    _set_up(capture, asked)
    return Capture(capture, source, live=True, spec=spec)


def _choose(path: Path) -> str:
    """Says which other cameras there are."""
    others = [device for device in devices() if device != path]
    if others:
        return "choose one of " + ", ".join(str(device) for device in others)
    return "no other /dev/video* is here: attach a USB camera, or name a film or photos with --source"


def devices() -> list[Path]:
    """Returns the `/dev/video*` that exist, in the order of their numbers; not every one gives pictures."""
    found = [path for path in Path("/dev").glob("video*") if re.fullmatch(r"video\d+", path.name)]
    return sorted(found, key=lambda path: int(path.name.removeprefix("video")))
