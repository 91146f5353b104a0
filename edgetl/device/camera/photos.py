"""Photos as frames: one, a folder of them, or a pattern."""

from __future__ import annotations

import glob
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic

from edgetl.card import InputSpec
from edgetl.device.camera.address import without_password
from edgetl.device.camera.frame import Frame
from edgetl.device.camera.opencv_capture import quiet
from edgetl.device.closing import Closing
from edgetl.errors import CameraError
from edgetl.files import local_path
from edgetl.text import printable
from edgetl.vision.photo import SUFFIXES, PhotoError, decode_sized, is_other_picture, is_photo, read_file

logger = logging.getLogger(__name__)


def means_photos(source: str) -> bool:
    """Says whether a source is a photo, a folder or a pattern, there or not."""
    path = local_path(source)
    return path.is_dir() or is_photo(path) or (glob.has_magic(source) and not path.exists())


class Photos(Closing):
    """Photos in the order people count in; see `edgetl.device.camera.Camera`.

    Args:
        source: a photo, a folder or a pattern (`**` goes into folders).
        spec: see `edgetl.device.camera.open_camera`.

    Attributes:
        skipped: photos that couldn't be read so far.

    Raises:
        CameraError: there are no photos.
    """

    live = False
    fps: float | None = None
    size: tuple[int, int] | None = None

    def __init__(self, source: str, spec: InputSpec | None = None) -> None:
        quiet()
        self.skipped = 0
        self._source = without_password(source)
        self._spec = spec
        self._paths = _find(source)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The photo files, in their order."""
        return tuple(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[Frame]:
        for index, path in enumerate(self._paths):
            try:
                data = read_file(path)
                image, (height, width) = decode_sized(data, self._spec, where=str(path))
            except PhotoError as error:
                self.skipped += 1
                logger.warning("%s is skipped: it %s", printable(path), error.what)
                continue
            frame = Frame(image, monotonic(), index, path.name)
            if image.shape[:2] != (height, width):
                frame = replace(frame, size_wh=(width, height), jpeg=data)
            yield frame
        if self.skipped == len(self._paths):
            remedy = "convert them to JPEG or PNG"
            raise CameraError(f"none of {self.skipped} photos can be read", where=self._source, remedy=remedy)
        if self.skipped:
            logger.warning("%d of %d photos were skipped", self.skipped, len(self._paths))

    def close(self) -> None:
        """Has nothing to release."""


def _find(source: str) -> list[Path]:
    path = local_path(source)
    try:
        if path.is_dir():
            files = list(path.iterdir())
            found = [file for file in files if is_photo(file) and not file.is_dir()]
            _warn_of_others([file for file in files if is_other_picture(file)])
            remedy = f"put photos there; for folders inside it say '{source.rstrip('/')}/**/*'"
        elif path.exists():  # what is no regular file is skipped when it is read, with a word
            found, remedy = [path], ""
        else:
            matches = glob.glob(_pattern(path), recursive=True)  # noqa: PTH207 - from any root, as a shell would
            found = [file for file in map(Path, matches) if is_photo(file) and not file.is_dir()]
            remedy = "check the path; put a pattern in quotes"
    except OSError as error:
        what = f"the folder can't be read: {error.strerror}"
        raise CameraError(what, where=without_password(source), remedy="check its permissions") from error
    if not found:
        what = f"there are no photos ({', '.join(sorted(SUFFIXES))})"
        raise CameraError(what, where=without_password(source), remedy=remedy)
    return sorted(found, key=_natural)


def _warn_of_others(files: Sequence[Path]) -> None:
    if files:
        example = printable(min(files).name)
        logger.warning(
            "pictures that are left out: %d; convert them to JPEG first, for example %s", len(files), example
        )


def _pattern(path: Path) -> str:
    """Returns a pattern in which the folders that exist under just this name are no patterns, such as `[1]`."""
    known = Path(path.anchor)
    for part in path.relative_to(known).parts:
        if not (known / part).is_dir():
            break
        known /= part
    return str(Path(glob.escape(str(known))) / path.relative_to(known))


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """A sorting key under which photo2 comes before photo10."""
    pieces = re.split(r"(\d+)", str(path).lower())
    return [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces]
