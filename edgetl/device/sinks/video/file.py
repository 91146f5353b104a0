"""The annotated film."""

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
_FPS_PHOTOS = 1.0
_LONGEST_WAIT = 10.0
"""For longer no frame is repeated: a camera that was away must not fill the disk with its last picture; s."""
_RESERVE = 2 << 20
"""Space that closing needs besides the index: the frames that the encoder still holds; bytes."""
_INDEX_PER_FRAME = 64
"""Of the file's index, generously; bytes."""


class VideoFile:
    """An mp4 of the frames with their results, which appears under its name once it is whole.

    It is H.264, which browsers play, where PyAV or OpenCV can write that; see `edgetl.device.sinks.video.encoders`.

    Of a live camera it plays at the pace things happened, repeating the frames that were waited for; of a wait it shows
    ten seconds at most.

    Args:
        path: ends in `.mp4`.
        fps: the source's frames a second; None for photos (a second each) and cameras that don't tell.
        live: whether the source is a live camera.
        drawing: puts results onto pictures.

    Attributes:
        path: that was given.

    Raises:
        UsageError: the path can't be a film's, or another run saves its film there.
        EdgetlError: the disk is full, or no encoder can be opened. What was written until then is kept.
    """

    def __init__(self, path: Path, *, fps: float | None = None, live: bool = False, drawing: Drawing = draw) -> None:
        if path.suffix.lower() != ".mp4" or path.is_dir():
            raise UsageError("a film is saved as .mp4", where=str(path), remedy="name it so: --save film.mp4")
        self.path = path
        self._drawing = drawing
        # Of a network camera FFmpeg may guess far too many; the film keeps to the clock all the same.
        self._fps = min(fps or _FPS_LIVE, _FPS_LIVE) if live else fps or _FPS_PHOTOS
        if self._fps > 65:  # a finer number, and OpenCV asks MPEG-4 for a clock of more than its 16 bits
            self._fps = round(self._fps, 2 if self._fps < 655 else 0)
        self._live = live
        self._encoder: Encoder | None = None
        self._reserve: DiskReserve | None = None
        self._held = ExitStack()
        self._written = 0
        self._start = self._last = 0.0

    def __enter__(self) -> Self:
        lock = self.path.with_name(f".{self.path.name}.edgetl-lock")
        remedy = "name another film with --save"
        with friendly_os_errors(self.path), ExitStack() as held:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(named_lock(lock, f"{self.path.name} is being saved", remedy))
            self._temporary = held.enter_context(temporary_file(self.path, suffix=".mp4"))
            self._held = held.pop_all()
        return self

    @property
    def seconds(self) -> float:
        """Of film so far."""
        return self._written / self._fps

    @property
    def bytes(self) -> int:
        """That have reached the disk so far."""
        return self._temporary.stat().st_size if self._temporary.exists() else 0

    def write(self, observation: Observation) -> None:
        """Adds a frame."""
        frame, result = observation.frame, observation.result
        image = frame.picture()
        if self._encoder is None:
            self._open(image, frame.captured_at)
        picture = _place(image, self._canvas)
        # Words may be wider than a narrow photo; boxes are where the objects are.
        self._drawing(self._canvas if isinstance(result, Classification) else picture, result)
        for _ in range(self._due(frame)):
            self._require_space()
            self._encode()

    def notify(self, event: Event) -> None:
        """Shows none."""

    def _open(self, image: Image, at: float) -> None:
        height, width = image.shape[:2]
        self._canvas = np.zeros((height + height % 2, width + width % 2, 3), np.uint8)  # the codec wants even sides
        self._start = self._last = at
        with friendly_os_errors(self.path):
            self._reserve = DiskReserve(self._temporary)
            self._encoder = open_encoder(self._temporary, self._fps, (self._canvas.shape[1], self._canvas.shape[0]))

    def _require_space(self) -> None:
        """Ends the film while there is still room for that, if the next frame may have none.

        Raises:
            EdgetlError: the disk is full.
        """
        assert self._reserve is not None
        if self._reserve.ahead(_RESERVE + _INDEX_PER_FRAME * self._written + self._canvas.nbytes):
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

    def _due(self, frame: Frame) -> int:
        """How often a frame is written, so that a live film keeps to the clock."""
        if not self._live:
            return 1
        self._start += max(0.0, frame.captured_at - self._last - _LONGEST_WAIT)
        self._last = frame.captured_at
        return max(0, int((frame.captured_at - self._start) * self._fps) + 1 - self._written)

    def _finish(self) -> None:
        """Closes the film and gives it its name; the earlier film of that name stays where this one failed."""
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
            logger.warning("%s", own)  # the first error is the one to tell
        finally:
            self._held.close()


def _place(image: Image, canvas: Image) -> Image:
    """Puts an image onto the canvas: as it is where it fits, else shrunk or grown to fit, on black.

    Returns:
        The part of the canvas that shows it.
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
