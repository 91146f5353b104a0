"""Finds the photo that each Pascal VOC annotation belongs to."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from edgetl.host.dataset.boxes.tree import Tree, same_name
from edgetl.text import counted, listed

_PHOTOS = ("JPEGImages", "images", "image", "imgs", "img", "photos")
"""The names of folders that hold the photos of annotations in a folder beside them."""


class PhotoFinder:
    """Finds the photo of each annotation, and collects annotations whose `<filename>` contradicts their file name.

    Attributes:
        contradicting: the annotations with another `<filename>` than their photo has, each as `annotation: filename`.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._folders: dict[Path, list[Path]] = {}
        self.contradicting: list[str] = []

    def near(self, file: Path, name: str) -> Path | None:
        """Returns the photo beside an annotation or in a folder for photos above it; None if there is none.

        The name of the annotation file overrides its `<filename>`, because renaming files does not change their
        content.

        Args:
            file: the annotation.
            name: the `<filename>` in the annotation.
        """
        folders = self._photo_folders(file)
        named = self._tree.beside(name, folders) or self._tree.beside(base_name(name), folders)
        if named and same_name(named.stem) == same_name(file.stem):
            return named
        own = self._tree.beside(file.stem, folders)
        if own:
            self._compare(file, name)
        return own or named

    def elsewhere(self, file: Path, name: str, annotated: Collection[Path]) -> Path | None:
        """Returns the only photo of an annotation's name in any folder of the same part; None if there is none.

        Args:
            file: the annotation.
            name: the `<filename>` in the annotation; it is tried first only if its stem is that of the file.
            annotated: the photos that have an annotation already.
        """
        part = self._tree.part(file)
        for candidate in (name, file.stem) if _agrees(file, name) else (file.stem, name):
            rows = [path for path in self._tree.all_named(candidate) if path not in annotated]
            rows = [path for path in rows if not part or self._tree.part(path) in ("", part)]
            if rows and candidate == file.stem:
                self._compare(file, name)
            if rows:
                return self._tree.the_one(rows, candidate)
        return None

    def _compare(self, file: Path, name: str) -> None:
        if name and not _agrees(file, name):
            self.contradicting.append(f"{self._tree.name(file)}: {base_name(name)}")

    def notes(self) -> list[str]:
        """Returns a note on the annotations whose `<filename>` was ignored; empty if there are none."""
        if not self.contradicting:
            return []
        count = counted(len(self.contradicting), "annotation")
        what = "with another photo in <filename> than the file name says; the file name counts"
        return [f"{count} {what}: {listed(self.contradicting)}"]

    def _photo_folders(self, file: Path) -> list[Path]:
        """Returns the folder of an annotation, then, going outwards, folders beside it for photos, as `images/`."""
        home = file.parent
        if home not in self._folders:
            folders = [home]
            above = [folder for folder in home.parents if folder.is_relative_to(self._tree.root)]
            for folder in above:
                below = Path(*home.relative_to(folder).parts[1:])
                folders += [folder / photos / below for photos in _PHOTOS]
                folders += [folder / photos for photos in _PHOTOS if below.parts] + [folder]
            self._folders[home] = folders
        return self._folders[home]


def _agrees(file: Path, name: str) -> bool:
    """Returns whether a `<filename>`, with or without its suffix, is the name of the annotation file."""
    base = base_name(name)
    return same_name(file.stem) in (same_name(base), same_name(Path(base).stem))


def base_name(name: str) -> str:
    """Returns the last component of a path with slashes of either kind."""
    return name.replace("\\", "/").rpartition("/")[2]
