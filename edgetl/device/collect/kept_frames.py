"""Keeps the account of the collected frames in a folder, and deletes the oldest and least informative when it is full.

A frame is a pair of files, `NAME.jpg` and `NAME.json`. The JSON file is written last and deleted first, so that a frame
with a JSON file is complete. NAME is the time in UTC and the beginning of the picture's digest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edgetl.files import friendly_os_errors, read_regular

_NAME = re.compile(r"(\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8})\.(jpg|json)")
_TIME_FORMAT = "%Y%m%dT%H%M%S.%fZ"
_RANDOM_SHARE = 0.1
"""Share of the space that frames drawn by lot may take, 0..1: as they are no more informative than others, they would
otherwise all be deleted first, and the others would say nothing of what is usual."""
_HALF_LIFE = 14 * 86400.0
"""A frame counts as half as informative after this time, s."""
_MOST_JSON = 1 << 20
"""A frame's JSON file has at most this many bytes; a longer one is of no frame."""


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """A collected frame.

    Attributes:
        name: the name of its two files without their suffixes.
        bytes: size of both files.
        informative: how much its label would teach the model, 0..1.
        random: whether it was drawn by lot.
    """

    name: str
    bytes: int
    informative: float
    random: bool

    def worth(self, now: float) -> float:
        """Returns how much the frame is worth keeping, 0..1: less as it becomes older.

        Args:
            now: the present time, s since 1970.
        """
        return float(self.informative * 0.5 ** (max(0.0, now - time_of(self.name)) / _HALF_LIFE))


def name_of(at: datetime, digest: str) -> str:
    """Returns the name of a frame's files.

    Args:
        at: the time of the frame, in UTC.
        digest: the digest of the picture, as hex.
    """
    return f"{at:%Y%m%dT%H%M%S}.{at.microsecond // 1000:03d}Z-{digest[:8]}"


def time_of(name: str) -> float:
    """Returns the time in a frame's name, s since 1970; 0 if there is no such time."""
    with suppress(ValueError, OverflowError):
        return datetime.strptime(name.partition("-")[0], _TIME_FORMAT).replace(tzinfo=UTC).timestamp()
    return 0.0


class KeptFrames:
    """The collected frames of a folder; other files there don't count and are left alone.

    Args:
        folder: the folder.
        most: the most bytes that the frames may take.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most
        self._frames: dict[str, KeptFrame] = {}

    def read(self) -> None:
        """Reads which frames the folder has, and removes half a frame, which a killed run left."""
        suffixes: dict[str, set[str]] = {}
        for file in self._folder.iterdir():
            if found := _NAME.fullmatch(file.name):
                suffixes.setdefault(found[1], set()).add(found[2])
        self._frames = {}
        for name, present in sorted(suffixes.items()):
            if len(present) == 2:
                self._frames[name] = self._read_frame(name)
            else:
                self._remove(name)

    def pictures(self) -> Iterator[Path]:
        """Yields the pictures of the frames, the oldest first."""
        return (self._folder / f"{name}.jpg" for name in sorted(self._frames))

    def add(self, frame: KeptFrame) -> None:
        """Adds a frame whose files are written."""
        self._frames[frame.name] = frame

    def make_room(self, frame: KeptFrame, now: float) -> bool:
        """Deletes frames until another one fits in; returns False if those that are left are worth more than it.

        Args:
            frame: the frame that is to be added.
            now: the present time, s since 1970.
        """
        if frame.bytes > self._most:
            return False
        if self._bytes + frame.bytes > self._most:  # others may have fetched and deleted some
            self._frames = {n: f for n, f in self._frames.items() if (self._folder / f"{n}.json").exists()}
        while self._bytes + frame.bytes > self._most:
            worst = self._worst(frame, now)
            if not (frame.random or worst.random) and worst.worth(now) >= frame.worth(now):
                return False
            self._remove(worst.name)
            del self._frames[worst.name]
        return True

    @property
    def _bytes(self) -> int:
        return sum(frame.bytes for frame in self._frames.values())

    def _worst(self, added: KeptFrame, now: float) -> KeptFrame:
        """Returns the frame to delete next: the oldest of too many that the lot drew, else the one worth least."""
        random = [frame for frame in (*self._frames.values(), added) if frame.random]
        others = [frame for frame in self._frames.values() if not frame.random]
        too_many = sum(frame.bytes for frame in random) > _RANDOM_SHARE * self._most
        kept = [frame for frame in random if frame is not added]
        if kept and (too_many or not others):
            return min(kept, key=lambda frame: frame.name)
        return min(others, key=lambda frame: (frame.worth(now), frame.name))

    def _read_frame(self, name: str) -> KeptFrame:
        """Reads how informative a frame is; one whose JSON can't be read counts as worth nothing."""
        picture, note = self._folder / f"{name}.jpg", self._folder / f"{name}.json"
        size, informative, drawn = 0, 0.0, False
        with suppress(OSError, ValueError, TypeError, RecursionError):
            size = picture.stat().st_size + note.stat().st_size
            document = json.loads(read_regular(note, _MOST_JSON))
            informative = min(max(float(document["score"]), 0.0), 1.0)
            drawn = document["reason"] == "random"
        return KeptFrame(name, size, informative, drawn)

    def _remove(self, name: str) -> None:
        for suffix in (".json", ".jpg"):
            path = self._folder / f"{name}{suffix}"
            with friendly_os_errors(path):
                path.unlink(missing_ok=True)
