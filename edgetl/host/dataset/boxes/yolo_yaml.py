"""YOLO's `data.yaml`: the names of the classes, and where the photos of each part lie."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.annotation_text import head_of, read_text
from edgetl.host.dataset.boxes.tree import Tree
from edgetl.host.dataset.boxes.yolo_described import Described, assign, listed_photos, named_classes
from edgetl.host.dataset.parts import Part, exact_part

_PARTS: tuple[tuple[Part, tuple[str, ...]], ...] = (
    ("train", ("train",)),
    ("val", ("val", "valid", "validation")),
    ("test", ("test",)),
)
_REMEDY = "give data.yaml `names`, and the photos' folders as `train`, `val` and `test`"
_MOST_BYTES = 1 << 20
_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))
_NOTHING = ("", "~", "null", "Null", "NULL")
"""What YAML writes for no value."""


class _Loader(yaml.BaseLoader):  # type: ignore[misc] # PyYAML ships no types
    """Reads every value as text: YAML would make a number of 1_0, false of `no`, and 1.0 of a class called so.

    It refuses tags and a key that is given twice, and knows no merge keys, so that nothing grows without bounds.
    """

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        if node.tag not in _TAGS:
            raise yaml.constructor.ConstructorError(None, None, f"{node.tag:.60} is refused", node.start_mark)
        return super().construct_object(node, deep=deep)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        mapping: dict[object, object] = super().construct_mapping(node, deep=deep)
        if len(mapping) < len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key is given twice", node.start_mark)
        return mapping


def names_classes(file: Path) -> bool:
    """Says whether a YAML file has a key `names`."""
    return re.search(rb"^[\"']?names[\"']?\s*:", head_of(file, _MOST_BYTES), re.MULTILINE) is not None


def describe_yaml(tree: Tree, file: Path) -> Described:
    """Reads a `data.yaml`.

    Raises:
        DatasetError: it can't be read, contradicts itself, or names no photos.
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
        raise DatasetError(what, where=where, remedy="mend the file") from error
    except RecursionError as error:
        raise DatasetError("is nested too deeply", where=str(file), remedy=_REMEDY) from error
    except (ValueError, OverflowError) as error:  # of an escape or a directive with an impossible number
        raise DatasetError("is not YAML: it has an impossible escape", where=str(file), remedy="mend it") from error
    if not isinstance(document, dict):
        raise DatasetError("has no keys", where=str(file), remedy=_REMEDY)
    return document


def _names(document: Mapping[object, object], file: Path) -> dict[int, str]:
    """The name of each class by its number."""
    told = document.get("names")
    rows = {str(i): name for i, name in enumerate(told)} if isinstance(told, list) else told
    if not isinstance(rows, dict) or not rows:
        raise DatasetError("`names` must list the classes", where=str(file), remedy=_REMEDY)
    pairs = []
    for key, name in rows.items():
        if not isinstance(key, str) or not re.fullmatch(r"\d{1,6}", key) or not isinstance(name, str):
            what = f"`names` must give each number one text, not so at {key!s:.20}"
            raise DatasetError(what, where=str(file), remedy="number the names 0, 1, …")
        pairs.append((int(key), name))
    names = named_classes(pairs, str(file))
    if len(names) != len(pairs):
        raise DatasetError("`names` gives a number twice", where=str(file), remedy="number the names 0, 1, …")
    told_count = document.get("nc", "")
    if told_count not in (*_NOTHING, str(len(names)), str(max(names) + 1)):
        shown = told_count if isinstance(told_count, str) else "no number of"  # a list may be endless through aliases
        what = f"`nc` says {shown:.20} classes, and `names` gives {len(names)}"
        raise DatasetError(what, where=str(file), remedy="correct the one that is wrong")
    return names


def _keypoints(document: Mapping[object, object], file: Path) -> int:
    """The count of numbers of a pose's key points, as `kpt_shape: [17, 3]` says; 0 where there are none."""
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
    """The folders and lists of photos with the part each is; empty where training and validation are the same."""
    places: dict[Path, Part] = {}
    for part, keys in _PARTS:
        told = next((value for key in keys if (value := document.get(key, "")) not in (*_NOTHING, [])), [])
        for entry in told if isinstance(told, list) else [told]:
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
    """A folder, or a text that lists photos, as the file names it.

    It lies below `path`, below the file's own folder, or one level higher, as Roboflow writes it. A missing `test` is
    None: many sets name one that they don't have.
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
    told = f"`{part}` is no {kind} of this data set: {entry:.80}"
    raise DatasetError(told, where=str(file), remedy=_REMEDY)


def _existing(path: Path) -> Path | None:
    """A path if it is that of a folder or of a list of photos."""
    try:
        return path if path.is_dir() or (path.suffix.lower() == ".txt" and path.is_file()) else None
    except (OSError, ValueError):  # a name that is too long, or that no file can have
        return None


def _part(path: Path, folder: Path, part: Part) -> Part:
    """The part of a photo: that of its named folder, but a `test/` inside that one is never trained on."""
    within = path.relative_to(folder).parts[:-1]
    return "test" if any(exact_part(name) == "test" for name in within) else part


def _innermost(path: Path, folders: Mapping[Path, Part]) -> Path | None:
    """The named folder that a photo lies in; a test folder inside the training folder is the test's."""
    return next((folder for folder in path.parents if folder in folders), None)
