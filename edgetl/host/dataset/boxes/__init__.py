"""Photos with boxes: how a folder's annotation format is recognised, and the set read.

`voc`, `coco`, `yolo` and `table` read and write one format each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol, cast

from edgetl.errors import DatasetError
from edgetl.files import is_lfs_pointer
from edgetl.host.dataset.boxes.annotation_text import head_of, lfs_error, listed
from edgetl.host.dataset.boxes.boxed_photo import Annotations, Box, BoxedPhoto
from edgetl.host.dataset.boxes.tree import Tree
from edgetl.host.dataset.parts import Part

__all__ = [
    "FORMATS",
    "TITLES",
    "Annotations",
    "Box",
    "BoxedPhoto",
    "BoxedSet",
    "Format",
    "FormatModule",
    "find_boxed",
    "is_boxed",
    "module_of",
    "read_boxed",
]

Format = Literal["voc", "coco", "yolo", "csv"]

FORMATS: dict[Format, str] = {
    "voc": "edgetl.host.dataset.boxes.voc",
    "coco": "edgetl.host.dataset.boxes.coco",
    "yolo": "edgetl.host.dataset.boxes.yolo",
    "csv": "edgetl.host.dataset.boxes.csv_table",
}
"""The module of each format; see `FormatModule`."""

_HEAD = 64
_ANNOTATION = re.compile("annotation|label|instances|train|val|test|data|coco|bbox")
"""What a file's or its folder's name holds that is meant as annotations; a stray pointer is none."""
_MOST_SHARE = 2.0
"""A coordinate in px that is no larger lies in the photo's first corner; a box that ends there is none."""

TITLES: dict[Format, str] = {"voc": "Pascal VOC", "coco": "COCO", "yolo": "YOLO", "csv": "CSV"}


@dataclass(frozen=True, slots=True)
class BoxedSet:
    """A detection data set as it was found.

    Attributes:
        format: of its annotations.
        photos: ordered by path.
        notes: what was left out, and why.
    """

    format: Format
    photos: list[BoxedPhoto]
    notes: list[str]


class FormatModule(Protocol):
    """What each format's module offers."""

    def recognise(self, tree: Tree) -> list[Path]:
        """Returns the files that make a folder one of this format; empty where it is none."""

    def read(self, tree: Tree, files: Sequence[Path]) -> Annotations:
        """Reads the files that `recognise` returned."""

    def place(self, part: Part, name: str) -> str:
        """Returns where a photo lies below the data set's folder, with slashes."""

    def write(self, folder: Path, photos: Sequence[BoxedPhoto]) -> None:
        """Writes the annotations of photos that lie at their `place` below the folder and know their size."""


def module_of(name: Format) -> FormatModule:
    """Returns a format's module."""
    return cast(FormatModule, import_module(FORMATS[name]))


def is_boxed(root: Path) -> bool:
    """Says whether a folder is a detection data set, by its files' names and first bytes."""
    return root.is_dir() and bool(_recognised(tree := Tree(root)) or _pointers(tree))


def find_boxed(root: Path) -> list[BoxedPhoto]:
    """Lists a detection set's photos with their boxes, ordered by path; see `read_boxed`."""
    return read_boxed(root).photos


def read_boxed(root: Path) -> BoxedSet:
    """Reads a detection set, in whichever format it is.

    Raises:
        DatasetError: no such folder, no annotations or of two formats, an annotation that can't be read,
            no photos, or no boxes at all.
    """
    if not root.is_dir():
        raise DatasetError("there is no such folder", where=str(root), remedy="give the data set's folder")
    tree = Tree(root)
    files = _recognised(tree)
    if not files:
        _require_fetched(_pointers(tree))
        remedy = "give a folder of photos with Pascal VOC, COCO, YOLO or CSV annotations"
        raise DatasetError("no boxes are annotated here", where=str(root), remedy=remedy)
    chosen, notes = _chosen(tree, files)
    suffixes = {file.suffix.lower() for file in files[chosen]} | ({".yaml", ".yml"} if chosen == "yolo" else set())
    _require_fetched([file for file in _pointers(tree) if file.suffix.lower() in suffixes])
    told = module_of(chosen).read(tree, files[chosen])
    notes += [*told.notes, *_missing(tree, told)]
    _require_once(tree, told.photos)
    if chosen != "yolo":
        _require_px(tree, told.photos)
    photos, settled = _settled(tree, sorted(told.photos, key=lambda photo: photo.path))
    notes += [*settled, *_unannotated(tree, told), *tree.left_out()]
    if not photos:
        remedy = "put the photos where the annotations name them"
        raise DatasetError("the annotations are of no photo here", where=str(root), remedy=remedy)
    if not any(photo.boxes for photo in photos):
        remedy = "annotate the things to be found, and save the annotations beside the photos"
        raise DatasetError(f"none of the {len(photos)} photos has a box", where=str(root), remedy=remedy)
    return BoxedSet(chosen, photos, notes)


def _recognised(tree: Tree) -> dict[Format, list[Path]]:
    found = {name: module_of(name).recognise(tree) for name in FORMATS}
    return {name: files for name, files in found.items() if files}


def _pointers(tree: Tree) -> list[Path]:
    """Files that would be annotations if Git LFS had fetched them."""
    files = [f for f in tree.files(".xml", ".json", ".csv", ".yaml", ".yml") if is_lfs_pointer(head_of(f, _HEAD))]
    return [f for f in files if f.suffix.lower() == ".xml" or _ANNOTATION.search(f"{f.parent.name}/{f.name}".lower())]


def _require_fetched(pointers: Sequence[Path]) -> None:
    if pointers:
        raise lfs_error(pointers[0])


def _chosen(tree: Tree, files: dict[Format, list[Path]]) -> tuple[Format, list[str]]:
    """The format to read: the only one, or Pascal VOC where a CSV repeats it, as the tutorials' scripts leave them."""
    if len(files) == 1:
        return next(iter(files)), []
    shown = " and ".join(f"{TITLES[name]} ({listed([tree.name(f) for f in rows], 2)})" for name, rows in files.items())
    if set(files) == {"voc", "csv"}:
        xml = {photo.path: photo for photo in module_of("voc").read(tree, files["voc"]).photos}
        csv = module_of("csv").read(tree, files["csv"]).photos
        if all(photo.path in xml for photo in csv):
            other = sum(_told(photo) != _told(xml[photo.path]) for photo in csv)
            says = f"the CSV says otherwise of {other} photos" if other else "the CSV says the same"
            return "voc", [f"annotated as {shown}: every photo has its XML, which is read; {says}"]
    remedy = "keep one format's files and move the others out of the folder"
    raise DatasetError(
        f"annotated in {'two' if len(files) == 2 else 'several'} formats: {shown}", where=str(tree.root), remedy=remedy
    )


def _told(photo: BoxedPhoto) -> list[tuple[str, tuple[float, float, float, float]]]:
    return sorted((box.label, box.xyxy) for box in photo.boxes)


def _missing(tree: Tree, told: Annotations) -> list[str]:
    if not told.missing:
        return []
    what = f"{len(told.missing)} annotated photos are missing"
    if not told.photos:
        remedy = "put the photos where the annotations name them"
        raise DatasetError(f"all {what}: {listed(told.missing)}", where=str(tree.root), remedy=remedy)
    return [f"{what} and left out: {listed(told.missing)}"]


def _require_once(tree: Tree, photos: Sequence[BoxedPhoto]) -> None:
    seen: dict[Path, BoxedPhoto] = {}
    for photo in photos:
        other = seen.setdefault(photo.path, photo)
        if other is not photo:
            places = " and in ".join(dict.fromkeys((other.source, photo.source)))
            what = f"{tree.name(photo.path)} is annotated twice: in {places}"
            raise DatasetError(what, where=str(tree.root), remedy="remove one of the two")


def _require_px(tree: Tree, photos: Sequence[BoxedPhoto]) -> None:
    """Refuses coordinates that are shares of the photo: taken for px, every box would lie in the first of them."""
    boxed = [photo for photo in photos if any(_has_area(box) for box in photo.boxes)]
    in_shares = [photo for photo in boxed if all(max(box.xyxy) <= _MOST_SHARE for box in photo.boxes)]
    sure = [photo for photo in in_shares if any(edge % 1 for box in photo.boxes for edge in box.xyxy)]
    if (not sure and len(in_shares) < len(boxed)) or not in_shares:
        return
    names = listed([tree.name(photo.path) for photo in sure or in_shares])
    what = f"the boxes of {len(sure or in_shares)} photos are given in shares of the photo, 0 to 1, not in px: {names}"
    remedy = "multiply x by the photo's width and y by its height, or export the annotations again"
    raise DatasetError(what, where=(sure or in_shares)[0].source, remedy=remedy)


def _has_area(box: Box) -> bool:
    x1, y1, x2, y2 = box.xyxy
    return x2 > x1 and y2 > y1


def _settled(tree: Tree, photos: list[BoxedPhoto]) -> tuple[list[BoxedPhoto], list[str]]:
    """Photos outside any part of a split: they train where there is no train/, else nobody knows what they are for."""
    loose = [photo for photo in photos if not photo.part]
    others = sorted({photo.part for photo in photos if photo.part})
    if not loose or not others:
        return photos, []
    names = listed([tree.name(photo.path) for photo in loose])
    if "train" not in others:
        note = f"{len(loose)} photos outside {' and '.join(others)} count as train: {names}"
        return [photo if photo.part else replace(photo, part="train") for photo in photos], [note]
    if others == ["train"]:
        _require_trained(tree, photos, loose)
    note = f"{len(loose)} photos are in no part of the split and are left out: {names}"
    return [photo for photo in photos if photo.part], [note]


def _require_trained(tree: Tree, photos: Sequence[BoxedPhoto], loose: Sequence[BoxedPhoto]) -> None:
    """Refuses to leave out photos with all boxes of a class: train/ may be the trains in a set of vehicles.

    Args:
        tree: the data set.
        photos: all photos; no other part than `train` is named.
        loose: those outside of it.
    """
    kept = {box.label for photo in photos if photo.part for box in photo.boxes}
    lost = sorted({box.label for photo in loose for box in photo.boxes} - kept)
    if lost:
        what = f"train/ may be a part of a split or a class: only photos outside of it show {listed(lost)}"
        remedy = "rename the folder if it is a class; else put the other photos into train/, val/ or test/"
        raise DatasetError(what, where=str(tree.root), remedy=remedy)


def _unannotated(tree: Tree, told: Annotations) -> list[str]:
    known = {photo.path for photo in told.photos}
    rest = [tree.name(path) for path in tree.photos if path not in known]
    return [f"{len(rest)} photos have no annotation and are left out: {listed(rest)}"] if rest else []
