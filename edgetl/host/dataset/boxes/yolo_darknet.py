"""Reads YOLO descriptions without `data.yaml`: classes in `classes.txt` or `obj.names`, parts in `obj.data`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.annotation_text import head_of, read_text
from edgetl.host.dataset.boxes.tree import Tree
from edgetl.host.dataset.boxes.yolo_description import Described, assign, listed_photos, named_classes
from edgetl.host.dataset.split_parts import Part
from edgetl.text import listed

_MOST_BYTES = 8 << 20
"""A list of names may have at most this many bytes, which is room for a hundred thousand classes."""

_HEAD = 4096
"""A file `.data` is recognised by this many bytes at its beginning."""

_LISTS = frozenset({"classes.txt", "predefined_classes.txt", "labels.txt", "obj.names"})
_KEYS: tuple[tuple[str, Part], ...] = (("train", "train"), ("valid", "val"), ("val", "val"), ("test", "test"))


def is_list_of_names(file: Path) -> bool:
    """Returns whether a file has the name of a list of class names, one a line."""
    return file.name.lower() in _LISTS or file.suffix.lower() in (".names", ".labels")


def describe_darknet(tree: Tree, texts: Sequence[Path], labels: Mapping[Path, Path]) -> Described:
    """Describes a data set that has no `data.yaml`.

    A photo without a label file that is in no list has not been annotated yet and does not belong to the data set.

    Args:
        tree: the data set.
        texts: the label files by which it was recognised.
        labels: the label file of each photo that has one.

    Raises:
        DatasetError: no file names the classes, several files name different ones, or a list can't be read.
    """
    data = [file for file in tree.files(".data") if b"names" in head_of(file, _HEAD) and "names" in _entries(file)]
    if len(data) > 1:
        what = f"several files describe the data set: {', '.join(map(tree.name, data))}"
        raise DatasetError(what, where=str(tree.root), remedy="keep one of them here")
    entries = _entries(data[0]) if data else {}
    named = tree.other(entries.get("names", ""))
    taken = {*labels.values()}
    files = [named] if named else [f for f in tree.files(".txt", ".names", ".labels") if f not in taken]
    described = _classes(tree, [file for file in files if file == named or is_list_of_names(file)], texts)
    for key, part in _KEYS:
        if key in entries:
            file = tree.other(entries[key])
            if file:
                assign(described.parts, listed_photos(tree, file, described.missing), part, file)
            else:
                described.notes.append(f"the list of `{key}` is missing: {entries[key]:.80}")
    if not described.parts:
        described.parts = {path: tree.part(path) for path in labels}
    return described


def other_names(tree: Tree, labels: Mapping[Path, Path], names: Mapping[int, str]) -> list[str]:
    """Returns a note on lists of names that contradict `data.yaml`.

    Args:
        tree: the data set.
        labels: the label file of each photo that has one.
        names: the name of each class by its number in `data.yaml`.
    """
    taken = {*labels.values()}
    files = [f for f in tree.files(".txt", ".names", ".labels") if is_list_of_names(f) and f not in taken]
    others = [tree.name(file) for file in files if not _agrees(file, names)]
    note = "data.yaml is used; other classes, or another order of them, are named in"
    return [f"{note} {listed(others)}"] if others else []


def _classes(tree: Tree, files: Sequence[Path], texts: Sequence[Path]) -> Described:
    if not files:
        deeper = [tree.name(f) for f in tree.files(".yaml", ".yml")][:1]
        what = f"no data.yaml names the classes of the labels, such as {tree.name(texts[0])}"
        remedy = "put data.yaml here, or classes.txt or obj.names with the name of a class in each line"
        remedy = f"give the folder of {deeper[0]}, or {remedy}" if deeper else remedy
        raise DatasetError(what, where=str(tree.root), remedy=remedy)
    names = {file: _names(file) for file in files}
    other = next((file for file in files if names[file] != names[files[0]]), None)
    if other:
        what = f"{tree.name(files[0])} and {tree.name(other)} name different classes"
        raise DatasetError(what, where=str(tree.root), remedy="keep the one that the labels were made with")
    return Described(tree.name(files[0]), names[files[0]])


def _names(file: Path) -> dict[int, str]:
    return named_classes(list(enumerate(_lines(file))), str(file))


def _agrees(file: Path, names: Mapping[int, str]) -> bool:
    try:
        return _lines(file) == [names.get(number) for number in range(len(names))]
    except DatasetError:  # an unreadable list is not needed beside data.yaml
        return False


def _lines(file: Path) -> list[str]:
    return [line.strip() for line in read_text(file, _MOST_BYTES).rstrip().split("\n")]


def _entries(file: Path) -> dict[str, str]:
    """Returns the `key = value` lines of darknet's `obj.data`."""
    lines = [line.partition("=") for line in read_text(file, _MOST_BYTES).split("\n")]
    return {key.strip().lower(): value.strip() for key, equals, value in lines if equals}
