"""Finds the photo that an annotation names, and its part of the split, among the files of a data set."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from edgetl.errors import DatasetError
from edgetl.host.dataset.list_files import Files, labelled_files_below, left_out
from edgetl.host.dataset.split_parts import Part, exact_part, part_in_words
from edgetl.vision.photo import is_photo

_MOST_FOLDERS = 100
"""At most this many folders at the end of a listed path are compared; a path of 500,000 folders would take minutes."""


class Tree:
    """The files below a folder, listed once; hidden files are left out.

    Attributes:
        root: the folder.
        photos: the photo files, ordered by path.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files = labelled_files_below(root)
        self.photos = self._files.photos
        below = {path.parent for path in (*self.photos, *self._files.others)}
        names = {name for folder in below for name in folder.relative_to(root).parts}
        self._has_train = any(part_in_words(name) == "train" for name in names)
        places = [(self.name(path), path) for path in self.photos]
        self._by_place = _grouped(places)
        self._by_stem = _grouped((place.removesuffix(path.suffix), path) for place, path in places)
        self._by_name = _grouped((path.name, path) for path in self.photos)
        self._by_name_stem = _grouped((path.stem, path) for path in self.photos)
        self._others_by_place = _grouped((self.name(path), path) for path in self._files.others)
        holding = {path.parent for path in self.photos}
        above = {above for folder in holding for above in (folder, *folder.parents) if above.is_relative_to(root)}
        self._folders_by_place = {same_name(self.name(folder)): folder for folder in sorted(above)}
        self._folders: dict[Path, str] = {}

    def files(self, *suffixes: str) -> list[Path]:
        """Returns the files with one of these lower-case suffixes, ordered by path."""
        return sorted(path for path in self._files.others if path.suffix.lower() in suffixes)

    def name(self, path: Path) -> str:
        """Returns the path of a file below the root, with forward slashes, for messages."""
        return path.relative_to(self.root).as_posix()

    def left_out(self) -> list[str]:
        """Returns notes about pictures in unreadable formats and about entries that are not regular files."""
        return left_out(Files([], self._files.pictures, [], self._files.special), self.root)

    def find(self, file: Path, name: str, folders: Sequence[Path]) -> Path | None:
        """Returns the photo that an annotation file names: in one of the folders, else the only one of that name.

        Args:
            file: the annotation file; of several photos of the name, the one in the same part of the split counts.
            name: the annotated name; see `beside`.
            folders: the folders below the root to search first.

        Returns:
            The photo; None if there is none.

        Raises:
            DatasetError: the name fits several photos.
        """
        return self.beside(name, folders) or self.anywhere(name, part_of_file(file) or self.part(file))

    def beside(self, name: str, folders: Sequence[Path]) -> Path | None:
        """Returns the photo of a name in the first of the folders that has one; None if none has.

        Args:
            name: the annotated name: with slashes of either kind, in any case, perhaps without its suffix.
            folders: the folders below the root to search.

        Raises:
            DatasetError: the name fits several photos of that folder, and none of them exactly.
        """
        plain = _slashed(name)
        if not plain:
            return None
        stem = str(Path(plain).with_suffix("")) if is_photo(Path(plain)) else plain
        for index, key in ((self._by_place, plain), (self._by_stem, stem)):
            for folder in folders:
                rows = index.get(self._key(folder, key), [])
                if rows:
                    return self._one_of(rows, plain)
        return None

    def has_beside(self, stem: str, folder: Path) -> bool:
        """Returns whether a folder holds a photo with a stem, whatever its suffix."""
        return self._key(folder, stem) in self._by_stem

    def named(self, place: str) -> Path | None:
        """Returns the photo at a path that may begin outside the root, as `data/obj_train_data/a.jpg`; None if none.

        The longest end of the path that is the path of a photo below the root decides. If there is none, the only
        photo with the name is returned.

        Raises:
            DatasetError: several photos have that name.
        """
        rows = _by_tail(self._by_place, place)
        return self._one_of(rows, _slashed(place)) if rows else self.anywhere(place, "")

    def other(self, place: str) -> Path | None:
        """Returns the file other than a photo at a path that may begin outside the root; None if none fits."""
        return next(iter(_by_tail(self._others_by_place, place)), None)

    def folder(self, place: Path) -> Path | None:
        """Returns the folder of photos at a path below the root, in any case and Unicode form; None if none exists."""
        return self._folders_by_place.get(same_name(place.as_posix()))

    def anywhere(self, name: str, part: Part) -> Path | None:
        """Returns the only photo of a name in any folder; of several, the one in `part`; None if there is none.

        Raises:
            DatasetError: several photos have that name.
        """
        rows = self.all_named(name)
        if len(rows) > 1 and part:
            rows = [path for path in rows if self.part(path) == part] or rows
        return self.the_one(rows, name)

    def all_named(self, name: str) -> list[Path]:
        """Returns the photos of a name in any folder; a name without a photo's suffix fits every suffix."""
        base = _slashed(name).rpartition("/")[2]
        return (self._by_name if is_photo(Path(base)) else self._by_name_stem).get(same_name(base), [])

    def the_one(self, rows: Sequence[Path], name: str) -> Path | None:
        """Returns the only photo of a list; None if the list is empty.

        Args:
            rows: the photos that fit.
            name: the annotated name, for the message.

        Raises:
            DatasetError: several photos fit.
        """
        if len(rows) > 1:
            base = _slashed(name).rpartition("/")[2]
            what = f"an annotation names {base}, which fits {len(rows)} photos: {', '.join(map(self.name, rows[:3]))}"
            raise DatasetError(what, where=str(self.root), remedy="name the photo's folder too, or rename the photos")
        return rows[0] if rows else None

    def part(self, path: Path) -> Part:
        """Returns the part of the split that the folders of a file name; empty if none does.

        The innermost folder that names a part decides, so that a `test/` inside `train/` is never trained on. A word
        of a longer name counts only if the data set has a training folder: `obj_test_data` beside `obj_train_data` is
        a part, `crash_test` alone is not.
        """
        names = reversed(path.relative_to(self.root).parts[:-1])
        parts = (exact_part(name) or (part_in_words(name) if self._has_train else "") for name in names)
        return next((part for part in parts if part), "")

    def part_in(self, file: Path, path: Path) -> Part:
        """Returns the part of a photo that an annotation file lists.

        The name of the annotation file, as `instances_val.json`, overrides the folder of the photo, because custom
        splits don't move the photos. A photo in a `test/` folder stays a test photo and is never trained on.

        Args:
            file: the annotation file.
            path: the photo.
        """
        own = self.part(path)
        return own if own == "test" else part_of_file(file) or own

    def _key(self, folder: Path, name: str) -> str:
        if folder not in self._folders:
            self._folders[folder] = os.path.relpath(folder, self.root)
        return same_name(os.path.normpath(name if name.startswith("/") else f"{self._folders[folder]}/{name}"))

    def _one_of(self, rows: Sequence[Path], name: str) -> Path | None:
        """Returns the photo whose name is exactly `name`; else the only photo."""
        base = unicodedata.normalize("NFC", name.rpartition("/")[2])
        exact = [path for path in rows if unicodedata.normalize("NFC", path.name) == base]
        return self.the_one(exact if len(exact) == 1 else rows, name)


def part_of_file(path: Path) -> Part:
    """Returns the part in the name of an annotation file, as in `train_labels.csv`; empty if none or several."""
    return part_in_words(path.stem)


def same_name(name: str) -> str:
    """Returns the form of a name that is equal for all names of the same file.

    The case of annotated names often differs from that of the files, and a Mac stores accented letters decomposed
    (NFD), while other systems compose them (NFC).
    """
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).lower())


def _slashed(name: str) -> str:
    return name.strip().replace("\\", "/")


def _grouped(pairs: Iterable[tuple[str, Path]]) -> dict[str, list[Path]]:
    groups: dict[str, list[Path]] = {}
    for name, path in pairs:
        groups.setdefault(same_name(name), []).append(path)
    return groups


def _by_tail(groups: dict[str, list[Path]], place: str) -> list[Path]:
    """Returns the files at the longest end of a path that any file has; empty if none has one."""
    parts = [part for part in PurePosixPath(same_name(_slashed(place))).parts if part not in ("/", "..")]
    ends = range(max(0, len(parts) - _MOST_FOLDERS), len(parts))
    found = (groups.get("/".join(parts[at:])) for at in ends)
    return next((rows for rows in found if rows), [])
