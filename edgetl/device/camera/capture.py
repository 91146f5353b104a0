"""Frames out of OpenCV's VideoCapture, which reads devices, films and streams alike."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from time import monotonic
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from edgetl.device.camera import Frame
from edgetl.errors import CameraError

logger = logging.getLogger(__name__)

_WHOLE = 0.9
"""Share of a film's frames that must come: where their count is reckoned from its length it is not exact."""


class Capture:
    """An opened VideoCapture; see `edgetl.device.camera.Camera`.

    Args:
        capture: opened.
        source: as the user named it, for messages.
        live: whether its end is a loss.
    """

    def __init__(self, capture: cv2.VideoCapture, source: str, *, live: bool) -> None:
        self.live = live
        self._capture = capture
        self._source = source
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if 0 < fps <= 240 else None  # streams tell of 90,000, the ticks of their clock
        width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        self._count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))  # 0 or less where it isn't known
        self.size = (int(width), int(height)) if width and height else None

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while self._capture.grab():
            captured_at = monotonic()
            decoded, image = self._capture.retrieve()
            if not decoded:
                break
            yield Frame(np.asarray(image, np.uint8), captured_at, index)
            index += 1
        if not index:
            remedy = "play it elsewhere to see whether it is whole; choose another source"
            raise CameraError("not one frame can be read", where=self._source, remedy=remedy)
        if self.live:
            remedy = "check the cable, the power and the network, then start again"
            raise CameraError(f"the camera is lost after {index} frames", where=self._source, remedy=remedy)
        if index < _WHOLE * self._count:
            logger.warning("%s ends after %d of %d frames: the rest can't be read", self._source, index, self._count)

    def close(self) -> None:
        """Releases the device or the file."""
        self._capture.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
