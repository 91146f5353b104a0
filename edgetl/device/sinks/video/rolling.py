"""The annotated film in pieces, of which the oldest go."""

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
from edgetl.device.sinks.video.file import VideoFile
from edgetl.errors import EdgetlError, UsageError
from edgetl.files import friendly_os_errors, remove_leftovers, write_atomic
from edgetl.locks import named_lock
from edgetl.vision.draw import draw

logger = logging.getLogger(__name__)

EVERY = 600.0
"""How long a piece is unless asked otherwise, s."""
LEAST = 10_000_000
"""Fewer bytes hold no pieces worth the name."""
_GAP = 10.0
"""A live camera that was away for longer begins a new piece, s."""
_SHARE = 4
"""A piece is at most one of so many parts of all that may be kept."""
_ROOM = 64 << 20
"""Free space below which old pieces go, where any may; bytes."""


class RollingVideo:
    """Films named `NAME-YYYYmmdd-HHMMSS.mp4` after the time each begins; see `VideoFile`.

    A hidden list beside them holds the names of those made here: nothing else is ever deleted.

    Args:
        path: `NAME.mp4`, which gives its folder and its name to the pieces.
        every: seconds of film a piece has.
        most: bytes all pieces together may take; the oldest are deleted for newer ones. None keeps all.
        fps: the source's frames a second; None for photos and cameras that don't tell.
        live: whether the source is a live camera.
        drawing: puts results onto pictures.

    Raises:
        UsageError: the path can't be a film's, or `most` is too small.
        EdgetlError: the disk is full, or OpenCV can't write films.
    """

    def __init__(
        self,
        path: Path,
        *,
        every: float = EVERY,
        most: int | None = None,
        fps: float | None = None,
        live: bool = False,
        drawing: Drawing = draw,
    ) -> None:
        if path.suffix.lower() != ".mp4":
            raise UsageError("a film is saved as .mp4", where=str(path), remedy="name it so: --save film.mp4")
        if most is not None and most < LEAST:
            remedy = f"give it {LEAST // 1_000_000}MB or more"
            raise UsageError(f"{most:,} bytes hold no films", where="--save-max", remedy=remedy)
        self._path = path
        self._every = every
        self._most = most
        self._fps = fps
        self._live = live
        self._drawing = drawing
        stamped = re.escape(path.stem) + r"-\d{8}-\d{6}(-\d+)?"
        self._whole = re.compile(stamped + r"\.mp4")
        self._list = path.with_name(f".{path.stem}.films")
        self._held = ExitStack()
        self._made: dict[str, int] = {}
        self._film: VideoFile | None = None
        self._last = 0.0

    def __enter__(self) -> Self:
        lock = self._path.with_name(f".{self._path.stem}.films.edgetl-lock")
        remedy = f"give each run a name of its own, say --save {self._path.parent}/door.mp4 --save-every 10m"
        with friendly_os_errors(self._path), ExitStack() as held:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Each of two runs would delete the other's pieces.
            held.enter_context(named_lock(lock, f"films named {self._path.stem} are being saved here", remedy))
            remove_leftovers(self._path.parent)
            self._made = {name: self._beside(name).stat().st_size for name in self._listed()}
            self._held = held.pop_all()
        return self

    def _listed(self) -> list[str]:
        """The pieces that were made here and are still there, the oldest first."""
        try:
            names = os.fsdecode(self._list.read_bytes()).splitlines()
        except OSError:
            return []
        return [name for name in names if self._whole.fullmatch(name) and self._beside(name).is_file()]

    def write(self, observation: Observation) -> None:
        """Adds a frame, to a new piece where the last one is long enough."""
        frame = observation.frame
        if self._film and self._is_over(self._film, frame):
            self._close(self._film)
        self._trim()
        if self._film is None:
            film = VideoFile(self._free_name(), fps=self._fps, live=self._live, drawing=self._drawing)
            self._film = film.__enter__()
        self._last = frame.captured_at
        try:
            self._film.write(observation)
        except EdgetlError:
            self._close(self._film)  # it kept what was written until then
            raise

    def notify(self, event: Event) -> None:
        """Shows none."""

    def _is_over(self, film: VideoFile, frame: Frame) -> bool:
        away = self._live and frame.captured_at - self._last > _GAP
        return away or film.seconds >= self._every or (self._most is not None and film.bytes > self._most // _SHARE)

    def _close(self, film: VideoFile) -> None:
        self._film = None
        try:
            film.__exit__(None, None, None)
        finally:
            if film.path.is_file():  # it had a frame
                self._made[film.path.name] = film.path.stat().st_size
            self._write_list()

    def _trim(self) -> None:
        """Deletes the oldest pieces until all take no more than they may, and the disk has room for the next."""
        if self._most is None or not self._made:
            return
        before = len(self._made)
        growing = self._film.bytes if self._film else 0
        while self._made and (sum(self._made.values()) + growing > self._most or self._is_short()):
            oldest = next(iter(self._made))
            with friendly_os_errors(self._beside(oldest)):
                self._beside(oldest).unlink(missing_ok=True)
            del self._made[oldest]
        if len(self._made) < before:
            self._write_list()

    def _is_short(self) -> bool:
        return shutil.disk_usage(self._path.parent).free < _ROOM

    def _write_list(self) -> None:
        write_atomic(self._list, os.fsencode("".join(f"{name}\n" for name in self._made)))

    def _free_name(self) -> Path:
        stem = f"{self._path.stem}-{datetime.now():%Y%m%d-%H%M%S}"
        free, number = self._beside(f"{stem}.mp4"), 1
        while free.exists():
            number += 1
            free = self._beside(f"{stem}-{number}.mp4")
        return free

    def _beside(self, name: str) -> Path:
        return self._path.with_name(name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._film:
                self._close(self._film)
        finally:
            self._held.close()
