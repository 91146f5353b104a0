"""Cameras attached to this machine, USB cameras among them: opens a V4L2 device by its number or device file."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import cv2

from edgetl.card import InputSpec
from edgetl.device.camera.frame_age import taken_at
from edgetl.device.camera.opencv_capture import Capture, open_capture, quiet
from edgetl.device.camera.protocol import CameraRequest
from edgetl.device.camera.source import Source
from edgetl.errors import CameraError


def open_device(source: Source, spec: InputSpec | None, request: CameraRequest) -> Capture:
    """Opens a camera, and requests JPEGs of it, because USB carries only few uncompressed pictures a second.

    Args:
        source: the camera: `0`, or `/dev/video0`, or a link such as those in `/dev/v4l/by-id`.
        spec: the model's input; see `edgetl.device.camera.open_camera`.
        request: the size and the frame rate.

    Raises:
        CameraError: the camera is not there, this user may not open it, or another program uses it.
    """
    if not sys.platform.startswith("linux"):
        return _open_number(source, spec, request)
    path = Path(f"/dev/video{source.text}" if source.kind == "number" else source.text)
    if not path.exists():
        file = f"give --source ./{source.text} for the file of that name; " if Path(source.text).exists() else ""
        raise CameraError("there is no such camera", where=str(path), remedy=file + _other_cameras(path))
    if not os.access(path, os.R_OK | os.W_OK):
        remedy = "join its group, `sudo usermod -aG video $USER`, and log in again"
        raise CameraError("you may not open this camera", where=str(path), remedy=remedy)
    capture = open_capture(str(path), cv2.CAP_V4L2)
    if capture is None:
        remedy = f"close the program that uses it; {_other_cameras(path)}"
        raise CameraError("this device is in use, or no camera that gives pictures", where=str(path), remedy=remedy)
    _configure(capture, request)
    return V4L2Camera(capture, str(path), live=True, spec=spec)


class V4L2Camera(Capture):
    """A V4L2 device, whose driver stamps each picture, so that its age includes the wait for its reader."""

    def _grab(self) -> float | None:
        came_at = super()._grab()
        return None if came_at is None else taken_at(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, came_at)


def _configure(capture: cv2.VideoCapture, request: CameraRequest) -> None:
    """Requests JPEGs, a size and a frame rate, in this order: the sizes depend on the format, the rate on the size."""
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))  # without effect if the camera has no JPEGs
    if request.size:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, request.size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, request.size[1])
    if request.fps:
        capture.set(cv2.CAP_PROP_FPS, request.fps)


def _open_number(source: Source, spec: InputSpec | None, request: CameraRequest) -> Capture:
    """Opens a camera by its number, on systems without V4L2."""
    quiet()
    capture = cv2.VideoCapture(int(source.text)) if source.kind == "number" else None
    if capture is None or not capture.isOpened():
        raise CameraError("there is no such camera", where=source.shown, remedy="number the camera: 0 is the first")
    _configure(capture, request)
    return Capture(capture, source.shown, live=True, spec=spec)


def _other_cameras(path: Path) -> str:
    """Returns a remedy that names the other cameras."""
    others = [device for device in devices() if device != path]
    if others:
        return "choose one of " + ", ".join(str(device) for device in others)
    return "no other /dev/video* is here: attach a USB camera, or name a film or photos with --source"


def devices() -> list[Path]:
    """Returns the `/dev/video*` that exist, in the order of their numbers; not each of them gives pictures."""
    found = [path for path in Path("/dev").glob("video*") if re.fullmatch(r"video\d+", path.name)]
    return sorted(found, key=lambda path: int(path.name.removeprefix("video")))
