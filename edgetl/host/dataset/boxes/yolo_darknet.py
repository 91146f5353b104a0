"""YOLO data sets without a `data.yaml`: classes from `classes.txt` or `obj.names`, parts from `obj.data` or folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.annotation_text import head_of, listed, read_text
from edgetl.host.dataset.boxes.tree import Tree
from edgetl.host.dataset.boxes.yolo_described import Described, assign, listed_photos, named_classes
from edgetl.host.dataset.parts import Part

_MOST_BYTES = 8 << 20
_HEAD = 4096
_LISTS = frozenset({"classes.txt", "predefined_classes.txt", "labels.txt", "obj.names"})
_KEYS: tuple[tuple[str, Part], ...] = (("train", "train"), ("valid", "val"), ("val", "val"), ("test", "test"))


def is_list_of_names(file: Path) -> bool:
    """Says whether a file is called as those are that name the classes, one a line."""
    return file.name.lower() in _LISTS or file.suffix.lower() in (".names", ".labels")


def describe_darknet(tree: Tree, texts: Sequence[Path], labels: Mapping[Path, Path]) -> Described:
    """Describes a data set that has no `data.yaml`.

    A photo that has no label file and is in no list is not annotated yet, and doesn't belong to the set.

    Args:
        tree: the data set.
        texts: the files that it was recognised by.
        labels: the label file of each photo that has one.

    Raises:
        DatasetError: no file names the classes, or several that differ; or a list can't be read.
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
    """Says which lists of names contradict the ones that count.

    Args:
        tree: the data set.
        labels: the label file of each photo that has one.
        names: the name of each class by its number, as `data.yaml` has it.
    """
    taken = {*labels.values()}
    files = [f for f in tree.files(".txt", ".names", ".labels") if is_list_of_names(f) and f not in taken]
    others = [tree.name(file) for file in files if not _says(file, names)]
    what = "names other classes than data.yaml, or in another order; data.yaml counts"
    return [f"{listed(others)} {what}"] if others else []


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


def _says(file: Path, names: Mapping[int, str]) -> bool:
    try:
        return _lines(file) == [names.get(number) for number in range(len(names))]
    except DatasetError:  # it can't be read, and needn't be
        return False


def _lines(file: Path) -> list[str]:
    return [line.strip() for line in read_text(file, _MOST_BYTES).rstrip().split("\n")]


def _entries(file: Path) -> dict[str, str]:
    """The `key = value` lines of darknet's `obj.data`."""
    lines = [line.partition("=") for line in read_text(file, _MOST_BYTES).split("\n")]
    return {key.strip().lower(): value.strip() for key, equals, value in lines if equals}
