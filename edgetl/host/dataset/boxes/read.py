"""Reads a detection data set: recognises the annotation format of a folder, and refuses sets that can't be right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.files import is_lfs_pointer
from edgetl.host.dataset.boxes.annotation_text import head_of, lfs_error
from edgetl.host.dataset.boxes.boxed_photo import Annotations, BoxedPhoto
from edgetl.host.dataset.boxes.formats import FORMATS, TITLES, Format, module_of
from edgetl.host.dataset.boxes.tree import Tree
from edgetl.text import counted, listed

_HEAD = 64
"""A Git LFS pointer is recognised by this many bytes at its beginning."""

_ANNOTATION = re.compile("annotation|label|instances|train|val|test|data|coco|bbox")
"""A word in the name of an annotation file or of its folder; a Git LFS pointer without one is some other file."""

_LARGEST_SHARE = 2.0
"""If no coordinate of a photo's boxes is larger, they are shares of the photo (0..1) and not px."""


@dataclass(frozen=True, slots=True)
class BoxedSet:
    """A detection data set as it was found in its folder.

    Attributes:
        format: the format of the annotations.
        photos: the photos with their boxes, ordered by path.
        notes: sentences about what was left out, and why.
    """

    format: Format
    photos: list[BoxedPhoto]
    notes: list[str]


def is_boxed(root: Path) -> bool:
    """Returns whether a folder is a detection data set, judged by its files' names and first bytes."""
    return root.is_dir() and bool(_recognised(tree := Tree(root)) or _pointers(tree))


def read_boxed(root: Path) -> BoxedSet:
    """Reads a detection data set in any of the known formats.

    Raises:
        DatasetError: the folder does not exist, has no annotations or those of two formats, an annotation can't be
            read, there are no photos, or there are no boxes at all.
    """
    if not root.is_dir():
        raise DatasetError("there is no such folder", where=str(root), remedy="give the data set's folder")
    tree = Tree(root)
    files = _recognised(tree)
    if not files:
        _require_fetched(_pointers(tree))
        remedy = "give a folder of photos with Pascal VOC, COCO, YOLO or CSV annotations"
        raise DatasetError("no boxes are annotated here", where=str(root), remedy=remedy)
    format_, notes = _choose_format(tree, files)
    suffixes = {file.suffix.lower() for file in files[format_]} | ({".yaml", ".yml"} if format_ == "yolo" else set())
    _require_fetched([file for file in _pointers(tree) if file.suffix.lower() in suffixes])
    annotations = module_of(format_).read(tree, files[format_])
    notes += [*annotations.notes, *_missing(tree, annotations)]
    _require_once(tree, annotations.photos)
    if format_ != "yolo":
        _require_px(tree, annotations.photos)
    photos, assigned = _assign_parts(tree, sorted(annotations.photos, key=lambda photo: photo.path))
    notes += [*assigned, *_unannotated(tree, annotations), *tree.left_out()]
    if not photos:
        remedy = "put the photos where the annotations name them"
        raise DatasetError("the annotations are of no photo here", where=str(root), remedy=remedy)
    if not any(photo.boxes for photo in photos):
        remedy = "annotate the things to be found, and save the annotations beside the photos"
        what = f"none of the photos has a box ({counted(len(photos), 'photo')})"
        raise DatasetError(what, where=str(root), remedy=remedy)
    return BoxedSet(format_, photos, notes)


def _recognised(tree: Tree) -> dict[Format, list[Path]]:
    found = {name: module_of(name).recognise(tree) for name in FORMATS}
    return {name: files for name, files in found.items() if files}


def _pointers(tree: Tree) -> list[Path]:
    """Returns the Git LFS pointers that stand for annotation files."""
    files = [f for f in tree.files(".xml", ".json", ".csv", ".yaml", ".yml") if is_lfs_pointer(head_of(f, _HEAD))]
    return [f for f in files if f.suffix.lower() == ".xml" or _ANNOTATION.search(f"{f.parent.name}/{f.name}".lower())]


def _require_fetched(pointers: Sequence[Path]) -> None:
    if pointers:
        raise lfs_error(pointers[0])


def _choose_format(tree: Tree, files: dict[Format, list[Path]]) -> tuple[Format, list[str]]:
    """Returns the only format, or Pascal VOC if a CSV repeats it, as the scripts of many tutorials leave them."""
    if len(files) == 1:
        return next(iter(files)), []
    shown = " and ".join(f"{TITLES[name]} ({listed([tree.name(f) for f in rows], 2)})" for name, rows in files.items())
    if set(files) == {"voc", "csv"}:
        xml = {photo.path: photo for photo in module_of("voc").read(tree, files["voc"]).photos}
        csv = module_of("csv").read(tree, files["csv"]).photos
        if all(photo.path in xml for photo in csv):
            differing = sum(_sorted_boxes(photo) != _sorted_boxes(xml[photo.path]) for photo in csv)
            compared = f"the CSV differs for {counted(differing, 'photo')}" if differing else "the CSV says the same"
            return "voc", [f"annotated as {shown}: every photo has its XML, which is read; {compared}"]
    remedy = "keep one format's files and move the others out of the folder"
    what = f"annotated in {'two' if len(files) == 2 else 'several'} formats: {shown}"
    raise DatasetError(what, where=str(tree.root), remedy=remedy)


def _sorted_boxes(photo: BoxedPhoto) -> list[tuple[str, tuple[float, float, float, float]]]:
    return sorted((box.label, box.xyxy) for box in photo.boxes)


def _missing(tree: Tree, annotations: Annotations) -> list[str]:
    if not annotations.missing:
        return []
    count, names = len(annotations.missing), listed(annotations.missing)
    if not annotations.photos:
        remedy = "put the photos where the annotations name them"
        what = f"all annotated photos are missing ({count}): {names}"
        raise DatasetError(what, where=str(tree.root), remedy=remedy)
    return [f"{counted(count, 'annotated photo')} missing, left out: {names}"]


def _require_once(tree: Tree, photos: Sequence[BoxedPhoto]) -> None:
    seen: dict[Path, BoxedPhoto] = {}
    for photo in photos:
        other = seen.setdefault(photo.path, photo)
        if other is not photo:
            places = " and in ".join(dict.fromkeys((other.source, photo.source)))
            what = f"{tree.name(photo.path)} is annotated twice: in {places}"
            raise DatasetError(what, where=str(tree.root), remedy="remove one of the two")


def _require_px(tree: Tree, photos: Sequence[BoxedPhoto]) -> None:
    """Refuses coordinates that are shares of the photo: read as px, every box would lie in its top left corner."""
    boxed = [photo for photo in photos if any(box.area > 0 for box in photo.boxes)]
    in_shares = [photo for photo in boxed if all(max(box.xyxy) <= _LARGEST_SHARE for box in photo.boxes)]
    certain = [photo for photo in in_shares if any(edge % 1 for box in photo.boxes for edge in box.xyxy)]
    if (not certain and len(in_shares) < len(boxed)) or not in_shares:
        return
    refused = certain or in_shares
    names = listed([tree.name(photo.path) for photo in refused])
    count = counted(len(refused), "photo")
    what = f"the boxes of {count} are given in shares of the photo, 0 to 1, not in px: {names}"
    remedy = "multiply x by the photo's width and y by its height, or export the annotations again"
    raise DatasetError(what, where=refused[0].source, remedy=remedy)


def _assign_parts(tree: Tree, photos: list[BoxedPhoto]) -> tuple[list[BoxedPhoto], list[str]]:
    """Decides about photos outside every part of a split: they train if there is no train/, else they are left out."""
    loose = [photo for photo in photos if not photo.part]
    parts = sorted({photo.part for photo in photos if photo.part})
    if not loose or not parts:
        return photos, []
    names, count = listed([tree.name(photo.path) for photo in loose]), counted(len(loose), "photo")
    if "train" not in parts:
        note = f"{count} outside {' and '.join(parts)}, used to train: {names}"
        return [photo if photo.part else replace(photo, part="train") for photo in photos], [note]
    if parts == ["train"]:
        _require_trained(tree, photos, loose)
    return [photo for photo in photos if photo.part], [f"{count} in no part of the split, left out: {names}"]


def _require_trained(tree: Tree, photos: Sequence[BoxedPhoto], loose: Sequence[BoxedPhoto]) -> None:
    """Refuses to leave out all boxes of a class: `train/` may be the class of trains in a set of vehicles.

    Args:
        tree: the data set.
        photos: all photos; `train` is the only part.
        loose: the photos outside of `train/`.
    """
    in_train = {box.label for photo in photos if photo.part for box in photo.boxes}
    lost = sorted({box.label for photo in loose for box in photo.boxes} - in_train)
    if lost:
        what = f"train/ may be a part of a split or a class: only photos outside of it show {listed(lost)}"
        remedy = "rename the folder if it is a class; else put the other photos into train/, val/ or test/"
        raise DatasetError(what, where=str(tree.root), remedy=remedy)


def _unannotated(tree: Tree, annotations: Annotations) -> list[str]:
    annotated = {photo.path for photo in annotations.photos}
    rest = [tree.name(path) for path in tree.photos if path not in annotated]
    return [f"{counted(len(rest), 'photo')} without an annotation, left out: {listed(rest)}"] if rest else []
