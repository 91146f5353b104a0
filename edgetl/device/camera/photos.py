"""Photos as frames: one photo, the photos of a folder, or those that match a pattern."""

from __future__ import annotations

import glob
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic

from edgetl.card import InputSpec
from edgetl.device.camera.frame import Frame
from edgetl.device.camera.opencv_capture import quiet
from edgetl.device.camera.source import Source
from edgetl.device.closing import Closing
from edgetl.errors import CameraError
from edgetl.files import local_path
from edgetl.text import counted, printable
from edgetl.vision.photo import SUFFIXES, PhotoError, decode_sized, is_other_picture, is_photo, read_file

logger = logging.getLogger(__name__)


class Photos(Closing):
    """The photos of a source in natural order, photo2 before photo10; see `edgetl.device.camera.Camera`.

    Args:
        source: a photo, a folder, or a pattern in which `**` stands for any folders.
        spec: the model's input; see `edgetl.device.camera.open_camera`.

    Attributes:
        skipped: the number of photos that couldn't be read so far.

    Raises:
        CameraError: there are no photos.
    """

    live = False
    fps: float | None = None
    size: tuple[int, int] | None = None

    def __init__(self, source: Source, spec: InputSpec | None = None) -> None:
        quiet()
        self.skipped = 0
        self._source = source
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
            what = "the photo can't be read" if self.skipped == 1 else f"none of {self.skipped} photos can be read"
            raise CameraError(what, where=self._source.shown, remedy="convert them to JPEG or PNG")
        if self.skipped:
            logger.warning("%d of %s were skipped", self.skipped, counted(len(self._paths), "photo"))

    def shots(self) -> Iterator[Frame]:
        """Yields the photos, which are decoded already; see `edgetl.device.camera.Camera`."""
        return iter(self)

    def close(self) -> None:
        """Does nothing: no file stays open."""


def _find(source: Source) -> list[Path]:
    """Lists the photos of a source in natural order; raises CameraError if there are none."""
    path = local_path(source.text)
    try:
        if path.is_dir():
            files = list(path.iterdir())
            found = [file for file in files if is_photo(file) and not file.is_dir()]
            _warn_of_other_formats([file for file in files if is_other_picture(file)])
            remedy = f"put photos there; for those of folders inside it give '{source.text.rstrip('/')}/**/*'"
        elif path.exists():  # a file that is not regular is skipped with a warning when it is read
            found, remedy = [path], ""
        else:
            matches = glob.glob(_pattern(path), recursive=True)  # noqa: PTH207 - from any root, as in a shell
            found = [file for file in map(Path, matches) if is_photo(file) and not file.is_dir()]
            remedy = "check the path; put a pattern in quotes"
    except OSError as error:
        what = f"the folder can't be read: {error.strerror}"
        raise CameraError(what, where=source.shown, remedy="check its permissions") from error
    if not found:
        what = f"there are no photos ({', '.join(sorted(SUFFIXES))})"
        raise CameraError(what, where=source.shown, remedy=remedy)
    return sorted(found, key=_natural_key)


def _warn_of_other_formats(files: Sequence[Path]) -> None:
    if files:
        example = printable(min(files).name)
        logger.warning(
            "pictures that are left out: %d; convert them to JPEG first, for example %s", len(files), example
        )


def _pattern(path: Path) -> str:
    """Returns a glob pattern in which the names of existing folders, such as `[1]`, stand for themselves."""
    known = Path(path.anchor)
    for part in path.relative_to(known).parts:
        if not (known / part).is_dir():
            break
        known /= part
    return str(Path(glob.escape(str(known))) / path.relative_to(known))


def _natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Returns a sorting key under which photo2 comes before photo10."""
    pieces = re.split(r"(\d+)", str(path).lower())
    return [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces]
