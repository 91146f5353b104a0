"""Saves the annotated frames as one film."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.sinks.disk_reserve import DiskReserve
from edgetl.device.sinks.drawing import Drawing
from edgetl.device.sinks.video.encoders import Encoder, open_encoder
from edgetl.errors import EdgetlError, UsageError
from edgetl.files import friendly_os_errors, sync_file, temporary_file
from edgetl.locks import named_lock
from edgetl.vision.arrays import Image
from edgetl.vision.draw import draw
from edgetl.vision.results import Classification

logger = logging.getLogger(__name__)

_FPS_LIVE = 30.0
"""A film of a live camera has at most this many frames a second, and this many if the camera reports no rate."""
_FPS_PHOTOS = 1.0
"""A film of photos shows one photo a second."""
_MAX_CODEC_FPS = 65
"""Above this rate the frames a second are rounded: OpenCV would ask MPEG-4 for a clock of more than its 16 bits."""
_MAX_REPEAT = 10.0
"""A frame is repeated for at most this time, s: a lost camera must not fill the disk with its last picture."""
_RESERVE = 2 << 20
"""Completing a film needs at most this space besides the index, bytes: for frames that are still in the encoder."""
_INDEX_PER_FRAME = 64
"""A frame takes at most this space in the file's index, bytes."""


class VideoFile:
    """Saves the frames with their results as an mp4 film, which gets its name once it is complete.

    The film is H.264, which browsers play, if PyAV or OpenCV has an encoder; see `edgetl.device.sinks.video.encoders`.

    The film of a live camera plays in real time: a frame is repeated until the next one comes, for at most ten seconds.

    Args:
        path: the film; its suffix is `.mp4`.
        fps: the source's frames a second; None for photos and for cameras that do not report a rate.
        live: whether the source is a live camera.
        drawing: draws a result onto a picture.

    Attributes:
        path: the film.

    Raises:
        UsageError: the path has another suffix or is a folder, or another run saves its film there.
        EdgetlError: the disk is full, or no encoder can be opened. The film keeps the frames written before.
    """

    def __init__(self, path: Path, *, fps: float | None = None, live: bool = False, drawing: Drawing = draw) -> None:
        if path.is_dir():
            raise UsageError("a film can't replace a folder", where=str(path), remedy="name another .mp4 file")
        require_mp4(path)
        self.path = path
        self._drawing = drawing
        # FFmpeg may report far too high a rate for a network camera; a live film follows the clock anyway.
        self._fps = min(fps or _FPS_LIVE, _FPS_LIVE) if live else fps or _FPS_PHOTOS
        if self._fps > _MAX_CODEC_FPS:
            self._fps = round(self._fps, 2 if self._fps < 10 * _MAX_CODEC_FPS else 0)
        self._live = live
        self._encoder: Encoder | None = None
        self._reserve: DiskReserve | None = None
        self._resources = ExitStack()  # the lock and the temporary file
        self._written = 0
        self._start = self._last = 0.0

    def __enter__(self) -> Self:
        lock = self.path.with_name(f".{self.path.name}.edgetl-lock")
        remedy = "name another film with --save"
        with friendly_os_errors(self.path), ExitStack() as stack:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(named_lock(lock, f"{self.path.name} is being saved", remedy))
            self._temporary = stack.enter_context(temporary_file(self.path, suffix=".mp4"))
            self._resources = stack.pop_all()
        return self

    @property
    def seconds(self) -> float:
        """The length of the film so far, s."""
        return self._written / self._fps

    @property
    def bytes(self) -> int:
        """The size of the film on the disk so far, bytes."""
        return self._temporary.stat().st_size if self._temporary.exists() else 0

    def write(self, observation: Observation) -> None:
        """Adds a frame, with its result drawn on it."""
        frame, result = observation.frame, observation.result
        image = frame.picture()
        if self._encoder is None:
            self._open(image, frame.captured_at)
        picture = _place(image, self._canvas)
        # A class name may be wider than a narrow photo, so it is drawn on the whole canvas.
        self._drawing(self._canvas if isinstance(result, Classification) else picture, result)
        for _ in range(self._repeats(frame)):
            self._require_space()
            self._encode()

    def notify(self, event: Event) -> None:
        """Does nothing: a film shows no events."""

    def _open(self, image: Image, at: float) -> None:
        height, width = image.shape[:2]
        self._canvas = np.zeros((height + height % 2, width + width % 2, 3), np.uint8)  # the codec needs even sides
        self._start = self._last = at
        with friendly_os_errors(self.path):
            self._reserve = DiskReserve(self._temporary)
            self._encoder = open_encoder(self._temporary, self._fps, (self._canvas.shape[1], self._canvas.shape[0]))

    def _require_space(self) -> None:
        """Completes the film before the disk is full, while there is still room for its end.

        Raises:
            EdgetlError: there may be no room for another frame.
        """
        assert self._reserve is not None
        if self._reserve.reserve(_RESERVE + _INDEX_PER_FRAME * self._written + self._canvas.nbytes):
            return
        written = self._written
        self._finish()
        raise EdgetlError(
            f"the disk is almost full; the film ends after {written} frames",
            where=str(self.path),
            remedy="free some space there, or save it to another disk",
        )

    def _encode(self) -> None:
        assert self._encoder is not None
        with friendly_os_errors(self.path):
            self._encoder.write(self._canvas)
        self._written += 1

    def _repeats(self, frame: Frame) -> int:
        """Returns how often a frame is written, so that a live film plays in real time; 0 skips the frame."""
        if not self._live:
            return 1
        self._start += max(0.0, frame.captured_at - self._last - _MAX_REPEAT)
        self._last = frame.captured_at
        return max(0, int((frame.captured_at - self._start) * self._fps) + 1 - self._written)

    def _finish(self) -> None:
        """Completes the film and gives it its name; if that fails, an earlier film of the name is left as it is."""
        encoder, self._encoder = self._encoder, None
        written, self._written = self._written, 0
        try:
            with friendly_os_errors(self.path):
                if encoder:
                    encoder.close()
        finally:
            if self._reserve:
                self._reserve.close()
                self._reserve = None
        if written:
            with friendly_os_errors(self.path):
                sync_file(self._temporary)
                self._temporary.chmod(0o644)
                self._temporary.replace(self.path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._finish()
        except EdgetlError as own:
            if error is None:
                raise
            logger.warning("%s", own)  # the first error is raised
        finally:
            self._resources.close()


def require_mp4(path: Path) -> None:
    """Raises a UsageError unless a film's path has the suffix `.mp4`.

    Args:
        path: the film.
    """
    if path.suffix.lower() != ".mp4":
        remedy = "name a file that ends with .mp4, as in --save film.mp4"
        raise UsageError("a film is saved as .mp4", where=str(path), remedy=remedy)


def _place(image: Image, canvas: Image) -> Image:
    """Copies an image onto the middle of a canvas; an image of another size is scaled to fit, on black.

    Args:
        image: the image, (H, W, 3) uint8 BGR.
        canvas: the canvas, (H, W, 3) uint8 BGR, which is changed.

    Returns:
        The part of the canvas that shows the image, a view of (H, W, 3) uint8 BGR.
    """
    height, width = image.shape[:2]
    rows, columns = canvas.shape[:2]
    if (height, width) != (rows, columns):
        canvas[:] = 0
        if max(rows - height, columns - width) > 1 or height > rows or width > columns:
            factor = min(rows / height, columns / width)
            size = (max(1, int(width * factor)), max(1, int(height * factor)))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
            height, width = image.shape[:2]
    y, x = (rows - height) // 2, (columns - width) // 2
    part = canvas[y : y + height, x : x + width]
    part[:] = image
    return part
