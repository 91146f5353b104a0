"""Reads YOLO's `data.yaml`: the names of the classes, and the folders or lists of the photos of each part."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import yaml

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.annotation_text import head_of, read_text
from edgetl.host.dataset.boxes.tree import Tree
from edgetl.host.dataset.boxes.yolo_description import Described, assign, listed_photos, named_classes
from edgetl.host.dataset.split_parts import Part, exact_part
from edgetl.text import counted

_PARTS: tuple[tuple[Part, tuple[str, ...]], ...] = (
    ("train", ("train",)),
    ("val", ("val", "valid", "validation")),
    ("test", ("test",)),
)
_REMEDY = "give data.yaml `names`, and the photos' folders as `train`, `val` and `test`"
_MOST_BYTES = 1 << 20
"""A `data.yaml` may have at most this many bytes, which is room for ten thousand classes."""

_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))
_NOTHING = ("", "~", "null", "Null", "NULL")
"""The spellings of an absent value in YAML."""


class _Loader(yaml.BaseLoader):  # type: ignore[misc] # PyYAML ships no types
    """Loads every value as text, because YAML reads the class names `1_0` and `no` as a number and as false.

    It refuses tags and repeated keys and ignores merge keys, so that nothing grows without bounds.
    """

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        if node.tag not in _TAGS:
            raise yaml.constructor.ConstructorError(None, None, f"{node.tag:.60} is refused", node.start_mark)
        return super().construct_object(node, deep=deep)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        mapping: dict[object, object] = super().construct_mapping(node, deep=deep)
        if len(mapping) < len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key occurs twice", node.start_mark)
        return mapping


def names_classes(file: Path) -> bool:
    """Returns whether a YAML file has a key `names`."""
    return re.search(rb"^[\"']?names[\"']?\s*:", head_of(file, _MOST_BYTES), re.MULTILINE) is not None


def names_class_folders(tree: Tree, file: Path) -> bool:
    """Returns whether the classes of a YAML file are exactly the folders that hold the photos, as for a classifier.

    Args:
        tree: the data set.
        file: a YAML file with a key `names`.
    """
    try:
        names = set(_names(_parse(file), file).values())
    except DatasetError:  # reading the data set reports it
        return False
    outer = (path.relative_to(tree.root).parts[:-1] for path in tree.photos)
    folders = (next((name for name in parts if not exact_part(name)), "") for parts in outer)
    return {unicodedata.normalize("NFC", folder) for folder in folders} == names


def describe_yaml(tree: Tree, file: Path) -> Described:
    """Reads a `data.yaml`.

    Raises:
        DatasetError: the file can't be read, contradicts itself, or names no photos.
    """
    document = _parse(file)
    described = Described(tree.name(file), _names(document, file), keypoints=_keypoints(document, file))
    places = _places(tree, file, document, described.notes)
    folders = {place: part for place, part in places.items() if place.is_dir()}
    for place, part in places.items():
        if place not in folders:
            assign(described.parts, listed_photos(tree, place, described.missing), part, place)
    for path in tree.photos:
        if path not in described.parts and (folder := _innermost(path, folders)):
            described.parts[path] = _part(path, folder, folders[folder])
    return described


def _parse(file: Path) -> Mapping[object, object]:
    try:
        document = yaml.load(read_text(file, _MOST_BYTES), _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}:{mark.line + 1}" if mark else str(file)
        what = f"is not YAML: {getattr(error, 'problem', None) or 'it has characters that YAML forbids'}"
        raise DatasetError(what, where=where, remedy="correct the file") from error
    except RecursionError as error:
        raise DatasetError("is nested too deeply", where=str(file), remedy=_REMEDY) from error
    except (ValueError, OverflowError) as error:  # of an escape or a directive with an impossible number
        raise DatasetError("is not YAML: it has an impossible escape", where=str(file), remedy="correct it") from error
    if not isinstance(document, dict):
        raise DatasetError("has no keys", where=str(file), remedy=_REMEDY)
    return document


def _names(document: Mapping[object, object], file: Path) -> dict[int, str]:
    """Returns the name of each class by its number."""
    value = document.get("names")
    rows = {str(i): name for i, name in enumerate(value)} if isinstance(value, list) else value
    if not isinstance(rows, dict) or not rows:
        raise DatasetError("`names` must list the classes", where=str(file), remedy=_REMEDY)
    pairs = []
    for key, name in rows.items():
        if not isinstance(key, str) or not re.fullmatch(r"\d{1,6}", key) or not isinstance(name, str):
            what = f"`names` must have one text for each number, and {key!s:.20} has none"
            raise DatasetError(what, where=str(file), remedy="number the names 0, 1, …")
        pairs.append((int(key), name))
    names = named_classes(pairs, str(file))
    if len(names) != len(pairs):
        raise DatasetError("`names` has a number twice", where=str(file), remedy="number the names 0, 1, …")
    nc = document.get("nc", "")
    if nc not in (*_NOTHING, str(len(names)), str(max(names) + 1)):
        shown = nc if isinstance(nc, str) else "not a number"  # a list may be endless through aliases
        what = f"`nc` is {shown:.20}, and `names` has {counted(len(names), 'class', 'classes')}"
        raise DatasetError(what, where=str(file), remedy="correct the one that is wrong")
    return names


def _keypoints(document: Mapping[object, object], file: Path) -> int:
    """Returns the count of numbers of a pose's key points from `kpt_shape: [17, 3]`; 0 without that key."""
    shape = document.get("kpt_shape", "")
    if isinstance(shape, str) and shape in _NOTHING:
        return 0
    if (
        isinstance(shape, list)
        and len(shape) == 2
        and all(isinstance(size, str) and re.fullmatch(r"\d{1,4}", size) for size in shape)
    ):
        return int(shape[0]) * int(shape[1])
    raise DatasetError("`kpt_shape` must be two numbers", where=str(file), remedy="write it as `kpt_shape: [17, 3]`")


def _places(tree: Tree, file: Path, document: Mapping[object, object], notes: list[str]) -> dict[Path, Part]:
    """Returns the part of each folder and list of photos; the part is empty if `train` and `val` name the same one."""
    places: dict[Path, Part] = {}
    for part, keys in _PARTS:
        named = next((value for key in keys if (value := document.get(key, "")) not in (*_NOTHING, [])), [])
        for entry in named if isinstance(named, list) else [named]:
            place = _place(tree, file, document.get("path"), entry, part)
            if place is None:
                notes.append(f"the folder of `{part}` is missing: {entry!s:.80}")
            elif places.get(place) == "train" and part == "val":
                places[place] = ""
            else:
                places.setdefault(place, part)
    if not places:
        raise DatasetError("names no folder of photos", where=str(file), remedy=_REMEDY)
    return places


def _place(tree: Tree, file: Path, base: object, entry: object, part: Part) -> Path | None:
    """Returns the folder of photos, or the text file that lists them, for an entry of the YAML file.

    The entry is searched below `path`, below the folder of the YAML file, and one level higher, as Roboflow writes
    it. The result is None for a missing `test`, because many data sets name one that does not exist.
    """
    if not isinstance(entry, str):
        raise DatasetError(f"`{part}` must be a folder", where=str(file), remedy=_REMEDY)
    root = Path(os.path.normpath(tree.root.absolute()))
    plain = entry.replace("\\", "/")
    tries = [file.parent / base / plain] if isinstance(base, str) else []
    tries += [file.parent / plain, file.parent / re.sub(r"^(\.\./)+", "", plain)]
    for path in tries:
        absolute = Path(os.path.normpath(path.absolute()))  # not resolved: a folder may be a link to another disk
        if absolute.is_relative_to(root):
            place = absolute.relative_to(root)
            if found := tree.folder(place) or _existing(tree.root / place):
                return found
    if part == "test":
        return None
    kind = "list of photos" if plain.lower().endswith(".txt") else "folder"
    what = f"`{part}` names a {kind} that is not in this data set: {entry:.80}"
    raise DatasetError(what, where=str(file), remedy=_REMEDY)


def _existing(path: Path) -> Path | None:
    """Returns a path if it is a folder or a list of photos; else None."""
    try:
        return path if path.is_dir() or (path.suffix.lower() == ".txt" and path.is_file()) else None
    except (OSError, ValueError):  # a name that is too long, or that no file can have
        return None


def _part(path: Path, folder: Path, part: Part) -> Part:
    """Returns the part of a photo: `test` inside a `test/` folder, else the part of the named folder."""
    within = path.relative_to(folder).parts[:-1]
    return "test" if any(exact_part(name) == "test" for name in within) else part


def _innermost(path: Path, folders: Mapping[Path, Part]) -> Path | None:
    """Returns the innermost named folder that holds a photo; None if none does."""
    return next((folder for folder in path.parents if folder in folders), None)
