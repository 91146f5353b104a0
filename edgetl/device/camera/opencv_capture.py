"""Reads frames from OpenCV's VideoCapture, which opens devices, films and streams."""

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
from edgetl.device.camera.shot import Grabbed, Jpeg, Shot, decode_shot
from edgetl.device.closing import Closing
from edgetl.errors import CameraError
from edgetl.vision.arrays import Image

logger = logging.getLogger(__name__)

_WHOLE = 0.9
"""A film is reported as cut short if fewer than this share of its frames come; a count estimated from the length is
inexact."""
_GRACE = 0.5
"""The longest wait of `close` for another thread's read to return, s."""
_LARGEST_JPEG = 32 << 20
"""A camera's JPEG may have at most this many bytes; one of 48 million pixels in the best quality has fewer."""
_HIGHEST_FPS = 240
"""A frame rate above this is not believed, frames a second: streams state 90,000, the ticks of their clock."""
_MJPG = cv2.VideoWriter.fourcc(*"MJPG")


class Capture(Closing):
    """An opened VideoCapture; see `edgetl.device.camera.Camera`.

    If it delivers JPEGs, they are taken undecoded, and decoded at the smallest scale that the model's input allows.

    Lock rule: `_reading` is held during every call of the VideoCapture, which is not safe for several threads; `close`
    may come from any thread.

    Args:
        capture: the opened VideoCapture.
        shown: the source for messages.
        live: whether the end of the frames is a loss.
        spec: the model's input; None decodes every pixel.

    Attributes:
        broken: the number of pictures that were skipped because they can't be decoded, such as half a JPEG.
    """

    def __init__(self, capture: cv2.VideoCapture, shown: str, *, live: bool, spec: InputSpec | None = None) -> None:
        self.live = live
        self.broken = 0
        self._capture = capture
        self._source = shown
        self._spec = spec
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if 0 < fps <= _HIGHEST_FPS else None
        width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        self._count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))  # 0 or less if it isn't known
        self.size = (int(width), int(height)) if width and height else None
        self._undecode = _request_jpegs(capture)
        self._has_sent_jpeg = False
        self._reading = threading.Lock()
        self._failed = False
        self._closed = False
        self._ended = False

    def __iter__(self) -> Iterator[Frame]:
        for shot in Capture.shots(self):
            frame = decode_shot(shot)
            if frame is None:
                self.broken += 1
            else:
                yield frame

    def shots(self) -> Iterator[Shot]:
        """Yields the frames undecoded, as JPEG files if the source delivers such; decode each before the next.

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
                if jpeg is not None and not (self._has_sent_jpeg or _is_jpeg(jpeg)):
                    self._decode_here()
                    continue
                self._has_sent_jpeg = self._has_sent_jpeg or jpeg is not None
                # An empty picture and one that is far too large become an empty file, which counts as broken.
                data = jpeg.tobytes() if jpeg is not None and jpeg.nbytes <= _LARGEST_JPEG else b""
                yield Jpeg(data, captured_at, index, self._spec)
            index += 1
        if not (self._closed or self._ended):
            self._end(index)
            self._ended = True  # read again, a film has no more frames, and is still whole

    def _next(self) -> float | None:
        """Waits for the next picture; returns its time in seconds of `time.monotonic`, None at the end."""
        with self._reading:
            captured_at = None if self._closed or self._failed else self._grab()
            if self._closed:  # another thread closed the camera during the read
                self._capture.release()
                return None
            return captured_at

    def _grab(self) -> float | None:
        return monotonic() if self._capture.grab() else None

    def _retrieve(self) -> Image | None:
        """Retrieves the grabbed picture.

        Returns:
            The picture, (H, W, 3) uint8 BGR, or its JPEG file, (1, bytes) uint8; None if it is empty. None also if no
            picture can be retrieved any more; then `_failed` is set.
        """
        with self._reading:
            decoded, array = (False, None) if self._closed else self._capture.retrieve()
        self._failed = not decoded
        return np.asarray(array, np.uint8) if decoded and array is not None else None

    def _decode_here(self) -> None:
        """Lets OpenCV decode again, because the source announced JPEGs and delivers something else."""
        with self._reading:
            if self._undecode is not None and not self._closed:
                self._capture.set(*self._undecode)
            self._undecode = None

    def _end(self, count: int) -> None:
        """Reports the end of the frames: an error if a live camera is lost, a warning if a film was cut short."""
        if count <= self.broken:
            remedy = "check in a player that it is whole; choose another source"
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
        """Releases the device or the file; if a thread hangs in a read, it does so when the read returns."""
        self._closed = True
        if self._reading.acquire(timeout=_GRACE):
            self._capture.release()
            self._reading.release()


def _request_jpegs(capture: cv2.VideoCapture) -> tuple[int, float] | None:
    """Requests undecoded JPEGs; returns the property and the value that undo it, None if the source has no JPEGs."""
    if int(capture.get(cv2.CAP_PROP_FOURCC)) != _MJPG:
        return None
    if capture.getBackendName() == "V4L2":
        # FORMAT doesn't work here: OpenCV's V4L2 takes it for the number of channels.
        return (cv2.CAP_PROP_CONVERT_RGB, 1) if capture.set(cv2.CAP_PROP_CONVERT_RGB, 0) else None
    return (cv2.CAP_PROP_FORMAT, cv2.CV_8UC3) if capture.set(cv2.CAP_PROP_FORMAT, -1) else None


def _is_jpeg(array: Image) -> bool:
    return array.size > 4 and array.size == max(array.shape) and array.ravel()[:2].tobytes() == b"\xff\xd8"


def open_capture(source: str, backend: int, parameters: Sequence[int] = ()) -> cv2.VideoCapture | None:
    """Opens a VideoCapture without lines of OpenCV and FFmpeg on stderr; returns None if they can't open the source.

    Args:
        source: a path or an address.
        backend: one of OpenCV's CAP_ numbers.
        parameters: alternating CAP_PROP_ numbers and their values at the opening.
    """
    quiet()
    try:
        capture = cv2.VideoCapture(source, backend, list(parameters))
    except cv2.error:
        return None
    return capture if capture.isOpened() else None


def quiet() -> None:
    """Silences OpenCV and FFmpeg, whose errors edgetl reports itself, unless their environment variables are set."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg's AV_LOG_QUIET
    if "OPENCV_LOG_LEVEL" not in os.environ:
        # The function is in `cv2` itself with OpenCV 4, and in a module of its own with OpenCV 5.
        set_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
        set_level(0)
