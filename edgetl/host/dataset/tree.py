"""A data set's files, listed once: which photo an annotation means, and which part of the split it lies in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.host.dataset.folders import PARTS, Part
from edgetl.vision.photo import is_photo


class Tree:
    """The files below a folder; hidden ones are left out.

    Attributes:
        root: the folder.
        photos: ordered by path.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.photos: list[Path] = []
        self._others: list[Path] = []
        seen: set[str] = set()
        for folder, below, names in os.walk(root, followlinks=True):  # photos often lie on another disk
            real = os.path.realpath(folder)
            if real in seen:
                below.clear()
                continue
            seen.add(real)
            below[:] = sorted(name for name in below if not name.startswith("."))
            for name in sorted(names):
                path = Path(folder, name)
                if not name.startswith("."):
                    (self.photos if is_photo(path) else self._others).append(path)
        self.photos.sort()
        self._by_place = _grouped((str(path.relative_to(root)), path) for path in self.photos)
        self._by_name = _grouped((path.name, path) for path in self.photos)
        self._by_stem = _grouped((str(path.relative_to(root).with_suffix("")), path) for path in self.photos)

    def files(self, *suffixes: str) -> list[Path]:
        """Returns the files with one of these lower-case suffixes, ordered by path."""
        return sorted(path for path in self._others if path.suffix.lower() in suffixes)

    def name(self, path: Path) -> str:
        """Returns a file's path below the root, for messages."""
        return path.relative_to(self.root).as_posix()

    def beside(self, name: str, folders: Sequence[Path]) -> Path | None:
        """Returns the photo called `name` in the first of the folders that has one; None where none has.

        Args:
            name: as an annotation has it: with slashes of either kind, any case, perhaps without its suffix.
            folders: below the root.
        """
        plain = name.strip().replace("\\", "/")
        if not plain:
            return None
        for found in (self._by_place, self._by_stem):
            for folder in folders:
                place = os.path.normpath(Path(os.path.relpath(folder, self.root), plain))
                stem = str(Path(place).with_suffix("")) if is_photo(Path(plain)) else place
                rows = found.get((place if found is self._by_place else stem).lower(), [])
                if rows:
                    return next((path for path in rows if path.name == Path(plain).name), rows[0])
        return None

    def anywhere(self, name: str, part: Part) -> Path | None:
        """Returns the one photo called `name`, in whichever folder; of several the one in `part`.

        Raises:
            DatasetError: several photos have that name.
        """
        base = name.replace("\\", "/").rpartition("/")[2]
        rows = self._by_name.get(base.lower(), [])
        if len(rows) > 1 and part:
            rows = [path for path in rows if self.part(path) == part] or rows
        if len(rows) > 1:
            what = f"an annotation names {base}, and {len(rows)} photos are called so: "
            what += ", ".join(map(self.name, rows[:3]))
            raise DatasetError(what, where=str(self.root), remedy="name the photo's folder too, or rename the photos")
        return rows[0] if rows else None

    def part(self, path: Path) -> Part:
        """Returns the part of the split that a file's innermost telling folder names; empty where none does.

        Innermost, so that a `test/` inside `train/` is never trained on.
        """
        names = reversed(path.relative_to(self.root).parts[:-1])
        return next((part for part in map(part_of_folder, names) if part), "")

    def part_in(self, file: Path, path: Path) -> Part:
        """Returns the part of a photo that an annotation file lists.

        The file's own name, as `instances_val.json`, says more than the photo's folder: custom splits leave the
        photos where they lie. But what lies in a `test/` is never trained on.
        """
        own = self.part(path)
        return own if own == "test" else part_of_file(file) or own


def part_of_folder(name: str) -> Part:
    """Returns the part that a folder is called after, as `train`, `Valid` or `val2017`; empty where none."""
    return PARTS.get(name.lower().rstrip("0123456789"), "")


def part_of_file(path: Path) -> Part:
    """Returns the part in an annotation file's own name, as in `train_labels.csv`; empty where none or several."""
    told = {PARTS[word] for word in re.split(r"[^a-z]+", path.stem.lower()) if word in PARTS}
    return told.pop() if len(told) == 1 else ""


def read_text(path: Path) -> str:
    """Reads an annotation file.

    Raises:
        DatasetError: it can't be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        what = f"can't be read: {error.strerror}"
        raise DatasetError(what, where=str(path), remedy="look at the file's permissions") from error
    except UnicodeDecodeError as error:
        what = f"is not a text in UTF-8 (byte {error.start})"
        raise DatasetError(what, where=str(path), remedy="save it as UTF-8") from error


def _grouped(pairs: Iterable[tuple[str, Path]]) -> dict[str, list[Path]]:
    """Paths by their name in lower case: suffixes and names often differ in case from what annotations say."""
    groups: dict[str, list[Path]] = {}
    for name, path in pairs:
        groups.setdefault(name.lower(), []).append(path)
    return groups
