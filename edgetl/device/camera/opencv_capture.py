"""Frames out of OpenCV's VideoCapture, which reads devices, films and streams alike."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from time import monotonic

import cv2
import numpy as np

from edgetl.card import InputSpec
from edgetl.device.camera.frame import Frame
from edgetl.device.camera.shot import Grabbed, Jpeg, Shot, developed
from edgetl.device.closing import Closing
from edgetl.errors import CameraError
from edgetl.vision.arrays import Image

logger = logging.getLogger(__name__)

_WHOLE = 0.9
"""Share of a film's frames that must come: where their count is reckoned from its length it is not exact."""
_GRACE = 0.5
"""How long closing waits for another thread's read to return, s."""
_LARGEST_JPEG = 32 << 20
"""Bytes that a camera's JPEG may have; one of 48 million pixels in the best quality has fewer."""
_MJPG = cv2.VideoWriter.fourcc(*"MJPG")


class Capture(Closing):
    """An opened VideoCapture; see `edgetl.device.camera.Camera`.

    Where it delivers JPEGs they are taken as they are, and decoded at the smallest scale that the model's input allows.

    Args:
        capture: opened.
        source: as the user named it, for messages.
        live: whether its end is a loss.
        spec: the model's input; None gives every pixel.

    Attributes:
        broken: pictures that can't be decoded, such as half a JPEG, and were passed over.
    """

    def __init__(self, capture: cv2.VideoCapture, source: str, *, live: bool, spec: InputSpec | None = None) -> None:
        self.live = live
        self.broken = 0
        self._capture = capture
        self._source = source
        self._spec = spec
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if 0 < fps <= 240 else None  # streams tell of 90,000, the ticks of their clock
        width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        self._count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))  # 0 or less where it isn't known
        self.size = (int(width), int(height)) if width and height else None
        self._undecode = _leave_jpegs(capture)
        self._proven = False  # that JPEGs come
        self._reading = threading.Lock()
        self._failed = False
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        for shot in Capture.shots(self):
            frame = developed(shot)
            if frame is None:
                self.broken += 1
            else:
                yield frame

    def shots(self) -> Iterator[Shot]:
        """Yields the frames, each to be taken out before the next; as JPEGs not decoded yet where it delivers such.

        Raises:
            CameraError: a live camera is lost, or nothing can be read.
        """
        index = 0
        while (captured_at := self._next()) is not None:
            if self._undecode is None:
                yield Grabbed(self._retrieve, captured_at, index)
                if self._failed:
                    break
            else:
                jpeg = self._retrieve()
                if self._failed:
                    break
                if jpeg is not None and not (self._proven or _is_jpeg(jpeg)):
                    self._decode_here()
                    continue
                self._proven = self._proven or jpeg is not None
                # An empty picture and one that is far too large both count as broken.
                data = jpeg.tobytes() if jpeg is not None and jpeg.nbytes <= _LARGEST_JPEG else b""
                yield Jpeg(data, captured_at, index, self._spec)
            index += 1
        if not self._closed:
            self._end(index)

    def _next(self) -> float | None:
        """Waits for the next picture; returns when it came, None at the end."""
        with self._reading:
            captured_at = None if self._closed or self._failed else self._grab()
            if self._closed:  # meanwhile
                self._capture.release()
                return None
            return captured_at

    def _grab(self) -> float | None:
        return monotonic() if self._capture.grab() else None

    def _retrieve(self) -> Image | None:
        """Takes the last picture out.

        Returns:
            The picture, (H, W, 3) uint8 BGR, or its JPEG file as bytes; None if it is empty. None as well if none can
            be taken out any more: then `_failed` is set.
        """
        with self._reading:
            decoded, array = (False, None) if self._closed else self._capture.retrieve()
        self._failed = not decoded
        return np.asarray(array, np.uint8) if decoded and array is not None else None

    def _decode_here(self) -> None:
        """Lets OpenCV make pictures of what was announced as JPEGs and is something else."""
        with self._reading:
            if self._undecode is not None and not self._closed:
                self._capture.set(*self._undecode)
            self._undecode = None

    def _end(self, count: int) -> None:
        """Says what the end of the frames means."""
        if count <= self.broken:
            remedy = "play it elsewhere to see whether it is whole; choose another source"
            if self.live:
                remedy = "open it in a browser or a player to see whether it sends pictures; choose another address"
            raise CameraError("not one frame can be read", where=self._source, remedy=remedy)
        if self.live:
            remedy = "check the cable, the power and the network, then start again"
            raise CameraError(f"the camera is lost after {count} frames", where=self._source, remedy=remedy)
        whole = count - self.broken
        if whole < _WHOLE * self._count:
            logger.warning("%s ends after %d of %d frames: the rest can't be read", self._source, whole, self._count)

    def close(self) -> None:
        """Releases the device or the file; where a thread hangs in a read, that one does so when it comes back."""
        self._closed = True
        if self._reading.acquire(timeout=_GRACE):
            self._capture.release()
            self._reading.release()


def _leave_jpegs(capture: cv2.VideoCapture) -> tuple[int, float] | None:
    """Asks for JPEGs as they are; returns the property and value that undo it, None where there are none."""
    if int(capture.get(cv2.CAP_PROP_FOURCC)) != _MJPG:
        return None
    if capture.getBackendName() == "V4L2":
        # Not FORMAT: V4L2 takes that for the number of its channels.
        return (cv2.CAP_PROP_CONVERT_RGB, 1) if capture.set(cv2.CAP_PROP_CONVERT_RGB, 0) else None
    return (cv2.CAP_PROP_FORMAT, cv2.CV_8UC3) if capture.set(cv2.CAP_PROP_FORMAT, -1) else None


def _is_jpeg(array: Image) -> bool:
    return array.size > 4 and array.size == max(array.shape) and array.ravel()[:2].tobytes() == b"\xff\xd8"


def open_capture(source: str, backend: int, parameters: Sequence[int] = ()) -> cv2.VideoCapture | None:
    """Opens a VideoCapture without OpenCV's and FFmpeg's own lines on stderr; None where they can't.

    Args:
        source: a path or an address.
        backend: one of OpenCV's CAP_ numbers.
        parameters: alternating CAP_PROP_ numbers and values that hold from the start.
    """
    quiet()
    try:
        capture = cv2.VideoCapture(source, backend, list(parameters))
    except cv2.error:
        return None
    return capture if capture.isOpened() else None


def quiet() -> None:
    """Silences OpenCV and FFmpeg, whose troubles we tell ourselves, unless their own variables ask them to speak."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg's AV_LOG_QUIET
    if "OPENCV_LOG_LEVEL" not in os.environ:
        # OpenCV 4 has it at the top, OpenCV 5 in a module of its own.
        set_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
        set_level(0)
