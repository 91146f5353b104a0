"""What describes a YOLO data set beside its label files: its classes, and which photos belong to which part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.annotation_text import class_name, read_text
from edgetl.host.dataset.boxes.tree import Tree
from edgetl.host.dataset.parts import Part

_MOST_LIST = 64 << 20
"""Bytes of a list of photos or of names."""


@dataclass(slots=True)
class Described:
    """A description of a YOLO data set.

    Attributes:
        source: the name of the file that names the classes.
        names: the name of each class by its number.
        parts: the photos of the data set with their parts.
        keypoints: the count of numbers that follow the box in a line of a pose data set; 0 for other sets.
        missing: `list: photo` of listed photos that aren't there.
        notes: what the reader should be told.
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
        rows: the numbers with their names as written.
        where: the file, for the message.

    Raises:
        DatasetError: a name can't be one, or two numbers have the same name, which can't both be right.
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
    """Returns the photos that a text lists, one path a line; those that aren't there are added to `missing`.

    Raises:
        DatasetError: the text can't be read, or a name is that of several photos.
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
    """Gives listed photos their part.

    Raises:
        DatasetError: one of them is listed for another part already.
    """
    for path in paths:
        if parts.setdefault(path, part) != part:
            what = f"{path.name} is listed for {parts[path]} and for {part}"
            raise DatasetError(what, where=str(file), remedy="list each photo for one part")
