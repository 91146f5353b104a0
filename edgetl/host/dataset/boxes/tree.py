"""A data set's files, listed once: which photo an annotation means, and which part of the split it lies in."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from edgetl.errors import DatasetError
from edgetl.host.dataset.listing import Files, files_below, left_out
from edgetl.host.dataset.parts import Part, exact_part, part_in_words
from edgetl.vision.photo import is_photo

_MOST_FOLDERS = 100
"""Only so many of the last folders of a listed path are looked for: a path of 500,000 would take minutes."""


class Tree:
    """The files below a folder; hidden ones are left out.

    Attributes:
        root: the folder.
        photos: ordered by path.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files = files_below(root)
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
        """Returns a file's path below the root, for messages."""
        return path.relative_to(self.root).as_posix()

    def left_out(self) -> list[str]:
        """Says which pictures are in no format that is read, and which files are none."""
        return left_out(Files([], self._files.pictures, [], self._files.special), self.root)

    def beside(self, name: str, folders: Sequence[Path]) -> Path | None:
        """Returns the photo called `name` in the first of the folders that has one; None where none has.

        Args:
            name: as an annotation has it: with slashes of either kind, any case, perhaps without its suffix.
            folders: below the root.

        Raises:
            DatasetError: the name fits several photos of that folder, and none of them exactly.
        """
        plain = _slashed(name)
        if not plain:
            return None
        stem = str(Path(plain).with_suffix("")) if is_photo(Path(plain)) else plain
        for found, wanted in ((self._by_place, plain), (self._by_stem, stem)):
            for folder in folders:
                rows = found.get(self._key(folder, wanted), [])
                if rows:
                    return self._one_of(rows, plain)
        return None

    def has_beside(self, stem: str, folder: Path) -> bool:
        """Says whether a folder holds a photo called `stem`, whatever its suffix."""
        return self._key(folder, stem) in self._by_stem

    def named(self, place: str) -> Path | None:
        """Returns the photo at a path that may begin elsewhere, as `data/obj_train_data/a.jpg`; None where none fits.

        The longest end of the path counts that is a photo's place below the root; without one, the only photo of
        the name.

        Raises:
            DatasetError: several photos have that name.
        """
        rows = _by_tail(self._by_place, place)
        return self._one_of(rows, _slashed(place)) if rows else self.anywhere(place, "")

    def other(self, place: str) -> Path | None:
        """Returns the file that is no photo at a path that may begin elsewhere; None where none fits."""
        return next(iter(_by_tail(self._others_by_place, place)), None)

    def folder(self, place: Path) -> Path | None:
        """Returns the folder of photos at a place below the root, in any case and Unicode form; None if none is."""
        return self._folders_by_place.get(same_name(place.as_posix()))

    def anywhere(self, name: str, part: Part) -> Path | None:
        """Returns the one photo called `name`, in whichever folder; of several the one in `part`.

        Raises:
            DatasetError: several photos have that name.
        """
        rows = self.called(name)
        if len(rows) > 1 and part:
            rows = [path for path in rows if self.part(path) == part] or rows
        return self.the_one(rows, name)

    def called(self, name: str) -> list[Path]:
        """Returns the photos of a name, in whichever folder; of a name without a photo's suffix, whatever theirs is."""
        base = _slashed(name).rpartition("/")[2]
        return (self._by_name if is_photo(Path(base)) else self._by_name_stem).get(same_name(base), [])

    def the_one(self, rows: Sequence[Path], name: str) -> Path | None:
        """Returns the only photo of `rows`; None where there is none.

        Raises:
            DatasetError: there are several; the message says that an annotation calls them `name`.
        """
        if len(rows) > 1:
            base = _slashed(name).rpartition("/")[2]
            what = f"an annotation names {base}, and {len(rows)} photos are called so: "
            what += ", ".join(map(self.name, rows[:3]))
            raise DatasetError(what, where=str(self.root), remedy="name the photo's folder too, or rename the photos")
        return rows[0] if rows else None

    def part(self, path: Path) -> Part:
        """Returns the part of the split that a file's innermost telling folder names; empty if none does.

        Innermost, so that a `test/` inside `train/` is never trained on. A word of a longer name counts only in a data
        set with a folder to train on: `obj_test_data` beside `obj_train_data` is a part, `crash_test` alone is not.
        """
        names = reversed(path.relative_to(self.root).parts[:-1])
        parts = (exact_part(name) or (part_in_words(name) if self._has_train else "") for name in names)
        return next((part for part in parts if part), "")

    def part_in(self, file: Path, path: Path) -> Part:
        """Returns the part of a photo that an annotation file lists.

        The file's own name, as `instances_val.json`, says more than the photo's folder: custom splits leave the
        photos where they lie. But what lies in a `test/` is never trained on.
        """
        own = self.part(path)
        return own if own == "test" else part_of_file(file) or own

    def _key(self, folder: Path, name: str) -> str:
        if folder not in self._folders:
            self._folders[folder] = os.path.relpath(folder, self.root)
        return same_name(os.path.normpath(name if name.startswith("/") else f"{self._folders[folder]}/{name}"))

    def _one_of(self, rows: Sequence[Path], name: str) -> Path | None:
        """The photo whose name is exactly the one wanted; else the only one."""
        base = unicodedata.normalize("NFC", name.rpartition("/")[2])
        exact = [path for path in rows if unicodedata.normalize("NFC", path.name) == base]
        return self.the_one(exact if len(exact) == 1 else rows, name)


def part_of_file(path: Path) -> Part:
    """Returns the part in an annotation file's own name, as in `train_labels.csv`; empty if none or several."""
    return part_in_words(path.stem)


def same_name(name: str) -> str:
    """Returns what names have in common that mean the same file.

    Names often differ in case from what annotations say, and a Mac stores letters with accents decomposed (NFD)
    where other systems compose them (NFC).
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
    """The files at the longest end of a path, or none."""
    parts = [part for part in PurePosixPath(same_name(_slashed(place))).parts if part not in ("/", "..")]
    ends = range(max(0, len(parts) - _MOST_FOLDERS), len(parts))
    found = (groups.get("/".join(parts[at:])) for at in ends)
    return next((rows for rows in found if rows), [])
