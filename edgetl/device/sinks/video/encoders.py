"""Ways to write an mp4 film: H.264, which browsers play, or what OpenCV can do otherwise."""

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
"""Of x264: half the work of its default for a film of twice the size, since inference needs the processor."""
_THREADS = 2
"""That x264 may use, for the same reason."""


class Encoder(Protocol):
    """Writes the frames of one film."""

    def write(self, image: Image) -> None:
        """Adds a frame.

        Args:
            image: (H, W, 3) uint8 BGR; height and width are even and the same for all frames of a film.

        Raises:
            OSError: it can't be written.
        """

    def close(self) -> None:
        """Ends the film.

        Raises:
            OSError: it can't be written.
            EdgetlError: the film can't be played.
        """


def open_encoder(path: Path, fps: float, size: tuple[int, int]) -> Encoder:
    """Opens the best encoder there is: PyAV's H.264, OpenCV's H.264, or else OpenCV's MPEG-4 Part 2.

    Args:
        path: an existing file whose name ends with `.mp4`.
        fps: frames a second.
        size: width and height, px; both are even.

    Raises:
        EdgetlError: no encoder can be opened.
    """
    if _pyav_has_h264():
        return PyAvEncoder(path, fps, size)
    if _opencv_has_h264():
        return OpenCvEncoder(path, fps, size, "avc1")
    encoder = OpenCvEncoder(path, fps, size, "mp4v")
    logger.warning(
        "the film is MPEG-4 Part 2, which VLC and mpv play and browsers don't; for H.264: %s", install_command("video")
    )
    return encoder


class PyAvEncoder:
    """H.264 by x264, which PyAV's wheels bring along.

    Args:
        path: see `open_encoder`.
        fps: see `open_encoder`.
        size: see `open_encoder`.
    """

    def __init__(self, path: Path, fps: float, size: tuple[int, int]) -> None:
        import av

        self._path = path
        # A file object: FFmpeg itself can't open every name that Linux allows.
        self._file = path.open("r+b")
        self._container = av.open(self._file, "w", format="mp4")
        rate = Fraction(fps).limit_denominator(1001)
        stream: Any = self._container.add_stream(_X264, rate=rate, options=_OPTIONS)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"  # the only one that browsers play
        stream.codec_context.thread_count = _THREADS
        self._stream = stream

    def write(self, image: Image) -> None:
        """Adds a frame; see `Encoder`."""
        import av

        with _friendly_errors(self._path):
            self._mux(av.VideoFrame.from_ndarray(image, "bgr24"))

    def close(self) -> None:
        """Ends the film; see `Encoder`."""
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
    """A film by OpenCV's own FFmpeg.

    Args:
        path: see `open_encoder`.
        fps: see `open_encoder`.
        size: see `open_encoder`.
        codec: the four letters of the codec: `avc1` or `mp4v`.

    Raises:
        EdgetlError: this OpenCV can't write it, or not there.
    """

    def __init__(self, path: Path, fps: float, size: tuple[int, int], codec: str) -> None:
        quiet()
        self._path = path
        if not _is_utf8(path):  # it would crash
            remedy = f"choose another folder and name, or {install_command('video')}"
            raise EdgetlError("OpenCV can't write to a path that is not UTF-8", where=str(path), remedy=remedy)
        fourcc = cv2.VideoWriter.fourcc(*codec)
        self._writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, fps, size)
        if not self._writer.isOpened():
            remedy = f"{install_command('video')}, or use --jsonl"
            raise EdgetlError("this OpenCV can't write mp4 films", where=str(path), remedy=remedy)

    def write(self, image: Image) -> None:
        """Adds a frame; see `Encoder`. OpenCV doesn't say whether it could."""
        self._writer.write(image)

    def close(self) -> None:
        """Ends the film; see `Encoder`."""
        self._writer.release()
        if not _first_frames(self._path, 1):
            remedy = "free some space there, or save it to another disk"
            raise EdgetlError("the film couldn't be finished and is lost", where=str(self._path), remedy=remedy)


@contextmanager
def _friendly_errors(path: Path) -> Iterator[None]:
    """Turns FFmpeg's errors into an EdgetlError, unless they are the operating system's."""
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
    """Says whether OpenCV writes H.264 that can be read back; a Raspberry Pi's encoder opens more than it can do."""
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
        return _first_frames(path, count + 1) == count


def _first_frames(path: Path, most: int) -> int:
    """Returns how many frames of a film can be read, at most so many."""
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
