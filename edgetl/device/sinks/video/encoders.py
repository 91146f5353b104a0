"""Encodes an mp4 film: as H.264, which browsers play, or as MPEG-4 Part 2 if there is no H.264 encoder."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from edgetl.device.camera.opencv_capture import open_capture, quiet
from edgetl.errors import EdgetlError
from edgetl.install import install_command
from edgetl.vision.arrays import Image

if TYPE_CHECKING:
    import av

logger = logging.getLogger(__name__)

_X264 = "libx264"
_OPTIONS = {"preset": "superfast", "crf": "23"}
"""Options of x264: half the work of its default for a film of twice the size, because inference needs the processor."""
_THREADS = 2
"""x264 uses at most this many threads, because inference needs the processor."""


class Encoder(Protocol):
    """Writes the frames of one film."""

    def write(self, image: Image) -> None:
        """Adds a frame.

        Args:
            image: the frame, (H, W, 3) uint8 BGR; H and W are even, and equal for all frames of a film.

        Raises:
            OSError: the frame can't be written.
            EdgetlError: the frame can't be encoded.
        """

    def close(self) -> None:
        """Ends the film.

        Raises:
            OSError: the end of the film can't be written.
            EdgetlError: the film can't be encoded or played.
        """


def open_encoder(path: Path, fps: float, size: tuple[int, int]) -> Encoder:
    """Opens the best available encoder: PyAV's H.264, OpenCV's H.264, or OpenCV's MPEG-4 Part 2.

    Args:
        path: the file to write, which exists and whose name ends with `.mp4`.
        fps: the frames a second.
        size: the width and the height, px; both are even.

    Raises:
        EdgetlError: no encoder can be opened.
    """
    if _pyav_has_h264():
        return PyAvEncoder(path, fps, size)
    if _opencv_has_h264():
        return OpenCvEncoder(path, fps, size, "avc1")
    encoder = OpenCvEncoder(path, fps, size, "mp4v")
    logger.warning(
        "the film is MPEG-4 Part 2, which VLC and mpv play but browsers do not; for H.264: %s", install_command("video")
    )
    return encoder


class PyAvEncoder:
    """Encodes H.264 with x264, which is part of PyAV's wheels.

    Args:
        path: the file to write, which exists.
        fps: the frames a second.
        size: the width and the height, px; both are even.
    """

    def __init__(self, path: Path, fps: float, size: tuple[int, int]) -> None:
        import av

        self._path = path
        # PyAV gets a file object, because FFmpeg can't open a path that is not UTF-8.
        self._file = path.open("r+b")
        self._container = av.open(self._file, "w", format="mp4")
        rate = Fraction(fps).limit_denominator(1001)
        stream: Any = self._container.add_stream(_X264, rate=rate, options=_OPTIONS)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"  # the only pixel format that all browsers play
        stream.codec_context.thread_count = _THREADS
        self._stream = stream

    def write(self, image: Image) -> None:
        """Adds a frame, (H, W, 3) uint8 BGR; see `Encoder.write`."""
        import av

        with _friendly_errors(self._path):
            self._mux(av.VideoFrame.from_ndarray(image, "bgr24"))

    def close(self) -> None:
        """Ends the film; see `Encoder.close`."""
        try:
            with _friendly_errors(self._path):
                self._mux(None)
                self._container.close()
        finally:
            self._file.close()

    def _mux(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)


class OpenCvEncoder:
    """Encodes a film with the FFmpeg that is part of OpenCV.

    Args:
        path: the file to write, in UTF-8.
        fps: the frames a second.
        size: the width and the height, px; both are even.
        codec: the four letters of the codec: `avc1` (H.264) or `mp4v` (MPEG-4 Part 2).

    Raises:
        EdgetlError: this build of OpenCV does not have the codec, or the path is not UTF-8.
    """

    def __init__(self, path: Path, fps: float, size: tuple[int, int], codec: str) -> None:
        quiet()
        self._path = path
        if not _is_utf8(path):  # OpenCV would crash
            remedy = f"choose another folder and name, or {install_command('video')}"
            raise EdgetlError("OpenCV can't write to a path that is not UTF-8", where=str(path), remedy=remedy)
        fourcc = cv2.VideoWriter.fourcc(*codec)
        self._writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, fps, size)
        if not self._writer.isOpened():
            remedy = f"{install_command('video')}, or use --jsonl"
            raise EdgetlError("this OpenCV can't write mp4 films", where=str(path), remedy=remedy)

    def write(self, image: Image) -> None:
        """Adds a frame, (H, W, 3) uint8 BGR; OpenCV reports no error here, but `close` finds an unplayable film."""
        self._writer.write(image)

    def close(self) -> None:
        """Ends the film; see `Encoder.close`."""
        self._writer.release()
        if not _count_frames(self._path, 1):
            remedy = "free some space there, or save it to another disk"
            raise EdgetlError("the film could not be completed and is lost", where=str(self._path), remedy=remedy)


@contextmanager
def _friendly_errors(path: Path) -> Iterator[None]:
    """Turns FFmpeg's errors into an EdgetlError, except errors of the operating system."""
    import av

    try:
        yield
    except av.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        remedy = "use --jsonl, or another size of pictures"
        raise EdgetlError(f"the film can't be encoded: {error}", where=str(path), remedy=remedy) from error


@lru_cache(maxsize=1)
def _pyav_has_h264() -> bool:
    try:
        import av
    except ImportError:
        return False
    return _X264 in av.codecs_available


@lru_cache(maxsize=1)
def _opencv_has_h264() -> bool:
    """Returns whether OpenCV writes H.264 that can be read again: a Raspberry Pi's encoder opens but may not encode."""
    count = 10
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probe.mp4"
        try:
            encoder = OpenCvEncoder(path, 25.0, (320, 240), "avc1")
            for shade in range(count):
                encoder.write(np.full((240, 320, 3), 20 * shade, np.uint8))
            encoder.close()
        except EdgetlError:
            return False
        return _count_frames(path, count + 1) == count


def _count_frames(path: Path, most: int) -> int:
    """Returns the number of frames of a film that can be read, counted up to `most`."""
    capture = open_capture(str(path), cv2.CAP_FFMPEG)
    if capture is None:
        return 0
    count = 0
    while count < most and capture.read()[0]:
        count += 1
    capture.release()
    return count


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
