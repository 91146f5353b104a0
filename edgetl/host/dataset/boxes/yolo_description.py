"""The description of a YOLO data set beside its label files: the classes, and the part of each photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.annotation_text import class_name, read_text
from edgetl.host.dataset.boxes.tree import Tree
from edgetl.host.dataset.split_parts import Part

_MOST_LIST = 64 << 20
"""A list of photos may have at most this many bytes, which is room for a million paths."""


@dataclass(slots=True)
class Described:
    """The classes and photos of a YOLO data set.

    Attributes:
        source: the name of the file that names the classes.
        names: the name of each class by its number.
        parts: the part of each photo of the data set.
        keypoints: the count of numbers that follow the box in a line of a pose data set; 0 for other data sets.
        missing: the listed photos that don't exist, each as `list: photo`.
        notes: sentences for the user about what was left out or assumed.
    """

    source: str
    names: dict[int, str]
    parts: dict[Path, Part] = field(default_factory=dict)
    keypoints: int = 0
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def named_classes(rows: Sequence[tuple[int, str]], where: str) -> dict[int, str]:
    """Returns the name of each class by its number.

    Args:
        rows: the numbers and names in the file.
        where: the file, for the message.

    Raises:
        DatasetError: a name can't be used, or two numbers have the same name.
    """
    names: dict[int, str] = {}
    numbers: dict[str, int] = {}
    for number, text in rows:
        name = names[number] = class_name(text, f"number {number}", where)
        if numbers.setdefault(name, number) != number:
            what = f"the classes {numbers[name]} and {number} have the same name: {name}"
            raise DatasetError(what, where=where, remedy="give each class a name of its own, or one number to both")
    return names


def listed_photos(tree: Tree, file: Path, missing: list[str]) -> list[Path]:
    """Returns the photos that a text file lists, one path a line.

    Args:
        tree: the data set.
        file: the text file.
        missing: the list to which photos that don't exist are added, each as `list: photo`.

    Raises:
        DatasetError: the file can't be read, or a name fits several photos.
    """
    found = []
    for line in read_text(file, _MOST_LIST).split("\n"):
        place = line.strip().strip('"')
        if place:
            path = tree.beside(place, [file.parent]) or tree.named(place)
            if path:
                found.append(path)
            else:
                missing.append(f"{tree.name(file)}: {place}")
    return found


def assign(parts: dict[Path, Part], paths: Sequence[Path], part: Part, file: Path) -> None:
    """Assigns listed photos to a part.

    Args:
        parts: the part of each photo so far; it is extended.
        paths: the listed photos.
        part: the part of the list.
        file: the list, for the message.

    Raises:
        DatasetError: a photo is listed for another part already.
    """
    for path in paths:
        if parts.setdefault(path, part) != part:
            what = f"{path.name} is listed for {parts[path]} and for {part}"
            raise DatasetError(what, where=str(file), remedy="list each photo for one part")
