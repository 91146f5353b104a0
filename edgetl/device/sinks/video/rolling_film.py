"""Saves the annotated frames as a rolling film: in pieces, of which the oldest are deleted."""

from __future__ import annotations

import logging
import os
import re
import shutil
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.sinks.drawing import Drawing
from edgetl.device.sinks.video.file import VideoFile, require_mp4
from edgetl.errors import EdgetlError, UsageError
from edgetl.files import friendly_os_errors, remove_leftovers, write_atomic
from edgetl.locks import named_lock
from edgetl.vision.draw import draw

logger = logging.getLogger(__name__)

DEFAULT_SECONDS = 600.0
"""A piece has this length unless the user sets another, s."""
MIN_BYTES = 10_000_000
"""All pieces together may take at least this much, bytes: in less, a piece would be too short to be of use."""
_MAX_GAP = 10.0
"""If a live camera gives no frame for longer than this, its next frame begins a new piece, s."""
_PIECES = 4
"""If the size is limited, a piece takes at most one of this many parts: deleting one leaves most of the film."""
_MIN_FREE = 64 << 20
"""If the size is limited, the oldest pieces are also deleted while the disk has less free space than this, bytes."""


class RollingVideo:
    """Saves films named `NAME-YYYYmmdd-HHMMSS.mp4` after the time when each begins; see `VideoFile`.

    A hidden list beside the films holds the names of the pieces that edgetl has saved. No other file is ever deleted.

    Args:
        path: `NAME.mp4`; the pieces get its folder and its name.
        every: the length of a piece, s.
        most: the most bytes that all pieces together may take; the oldest are deleted. None keeps all.
        fps: the source's frames a second; None for photos and for cameras that do not report a rate.
        live: whether the source is a live camera.
        drawing: draws a result onto a picture.

    Raises:
        UsageError: the path has another suffix, `most` is too small, or another run saves pieces of this name.
        EdgetlError: the disk is full, or no encoder can be opened.
    """

    def __init__(
        self,
        path: Path,
        *,
        every: float = DEFAULT_SECONDS,
        most: int | None = None,
        fps: float | None = None,
        live: bool = False,
        drawing: Drawing = draw,
    ) -> None:
        require_mp4(path)
        if most is not None and most < MIN_BYTES:
            remedy = f"give it {MIN_BYTES // 1_000_000}MB or more"
            raise UsageError(f"{most:,} bytes hold no films", where="--save-max", remedy=remedy)
        self._path = path
        self._every = every
        self._most = most
        self._fps = fps
        self._live = live
        self._drawing = drawing
        stamped = re.escape(path.stem) + r"-\d{8}-\d{6}(-\d+)?"
        self._piece_name = re.compile(stamped + r"\.mp4")
        self._list = path.with_name(f".{path.stem}.films")
        self._lock = ExitStack()
        self._pieces: dict[str, int] = {}  # the complete pieces, the oldest first: name to size, bytes
        self._film: VideoFile | None = None  # the piece that is being written
        self._last = 0.0  # when the last frame was captured

    def __enter__(self) -> Self:
        lock = self._path.with_name(f".{self._path.stem}.films.edgetl-lock")
        remedy = f"give each run another name, for example --save {self._path.parent}/door.mp4 --save-every 10m"
        with friendly_os_errors(self._path), ExitStack() as stack:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Without a lock, two runs would delete each other's pieces.
            stack.enter_context(named_lock(lock, f"films named {self._path.stem} are being saved here", remedy))
            remove_leftovers(self._path.parent)
            self._pieces = {name: self._sibling(name).stat().st_size for name in self._listed()}
            self._lock = stack.pop_all()
        return self

    def _listed(self) -> list[str]:
        """Returns the names of the pieces that were saved by edgetl and still exist, the oldest first."""
        try:
            names = os.fsdecode(self._list.read_bytes()).splitlines()
        except OSError:
            return []
        return [name for name in names if self._piece_name.fullmatch(name) and self._sibling(name).is_file()]

    def write(self, observation: Observation) -> None:
        """Adds a frame, and begins a new piece if the present one is complete."""
        frame = observation.frame
        if self._film and self._is_complete(self._film, frame):
            self._close(self._film)
        self._trim()
        if self._film is None:
            film = VideoFile(self._free_name(), fps=self._fps, live=self._live, drawing=self._drawing)
            self._film = film.__enter__()
        self._last = frame.captured_at
        try:
            self._film.write(observation)
        except EdgetlError:
            self._close(self._film)  # the piece keeps the frames written before
            raise

    def notify(self, event: Event) -> None:
        """Does nothing: a film shows no events."""

    def _is_complete(self, film: VideoFile, frame: Frame) -> bool:
        gap = self._live and frame.captured_at - self._last > _MAX_GAP
        return gap or film.seconds >= self._every or (self._most is not None and film.bytes > self._most // _PIECES)

    def _close(self, film: VideoFile) -> None:
        self._film = None
        try:
            film.__exit__(None, None, None)
        finally:
            if film.path.is_file():  # a film without a frame leaves no file
                self._pieces[film.path.name] = film.path.stat().st_size
            self._write_list()

    def _trim(self) -> None:
        """Deletes the oldest pieces until the others are within the limit and the disk has room for the next one."""
        if self._most is None or not self._pieces:
            return
        before = len(self._pieces)
        growing = self._film.bytes if self._film else 0
        while self._pieces and (sum(self._pieces.values()) + growing > self._most or self._is_disk_full()):
            oldest = next(iter(self._pieces))
            with friendly_os_errors(self._sibling(oldest)):
                self._sibling(oldest).unlink(missing_ok=True)
            del self._pieces[oldest]
        if len(self._pieces) < before:
            self._write_list()

    def _is_disk_full(self) -> bool:
        return shutil.disk_usage(self._path.parent).free < _MIN_FREE

    def _write_list(self) -> None:
        write_atomic(self._list, os.fsencode("".join(f"{name}\n" for name in self._pieces)))

    def _free_name(self) -> Path:
        stem = f"{self._path.stem}-{datetime.now():%Y%m%d-%H%M%S}"
        free, number = self._sibling(f"{stem}.mp4"), 1
        while free.exists():
            number += 1
            free = self._sibling(f"{stem}-{number}.mp4")
        return free

    def _sibling(self, name: str) -> Path:
        return self._path.with_name(name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._film:
                self._close(self._film)
        finally:
            self._lock.close()
