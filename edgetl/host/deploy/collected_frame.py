"""Reads the description of a collected frame: what the model proposed there, and why the frame was kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

from edgetl.errors import ModelError
from edgetl.files import read_regular
from edgetl.host.dataset.boxes.boxed_photo import Box
from edgetl.schema import SchemaError, parse
from edgetl.text import label_problem, printable

FRAME_NAME = re.compile(r"(\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8})\.(jpg|json)")
"""The names of the two files of a collected frame: its time in UTC and eight hex digits. Other files are left alone."""

_MOST_BYTES = 1 << 20
"""A description may have at most this many bytes; one with 300 boxes has 60,000."""
_MOST_OBJECTS = 1000
"""At most this many boxes of a frame are read; a detector finds 100 unless it is told otherwise."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CollectedFrame:
    """A collected frame.

    Attributes:
        name: the name of its files without the suffix.
        reason: the reason why it was kept, for example `uncertain`.
        score: how informative it is, 0..1.
        label: the class that a classifier proposes; None for a detector, and if the classifier names none.
        boxes: the boxes that a detector proposes, in px of the frame; None for a classifier.
    """

    name: str
    reason: str
    score: float
    label: str | None
    boxes: tuple[Box, ...] | None


@dataclass(frozen=True, slots=True)
class _Class:
    label: str


@dataclass(frozen=True, slots=True)
class _Object:
    label: str
    xyxy: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Description:
    reason: str
    score: float


def read_frame(path: Path) -> CollectedFrame:
    """Reads the JSON file of a collected frame, which is a stranger's file.

    Keys that are not needed here are left alone, so that a newer edgetl on the device may write more of them.

    Args:
        path: the JSON file.

    Raises:
        ModelError: the file can't be read, or lacks what every frame has.
    """
    try:
        document = json.loads(read_regular(path, _MOST_BYTES))
        about = _picked(_Description, document)
        label, boxes = _proposals(document["result"])
    except OSError as error:
        raise ModelError(f"can't be read: {error.strerror}", where=str(path)) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = printable(error)[:100]
        raise ModelError(f"is not the description of a collected frame: {reason}", where=str(path)) from error
    return CollectedFrame(path.stem, printable(about.reason)[:40], min(1.0, max(0.0, about.score)), label, boxes)


def _proposals(result: Mapping[str, object]) -> tuple[str | None, tuple[Box, ...] | None]:
    """Returns the class that a classifier proposes, or the boxes that a detector does."""
    if result["task"] == "detection":
        return None, tuple(map(_box, _list(result["objects"])[:_MOST_OBJECTS]))
    classes = _list(result["classes"])
    return (_label(_picked(_Class, classes[0]).label) if classes else None), None


def _picked(cls: type[T], data: object) -> T:
    """Builds a dataclass from those keys of a table that it has."""
    if not isinstance(data, Mapping):
        raise SchemaError("a part of it is not a table")
    names = {field.name for field in fields(cls)}  # type: ignore[arg-type] # every T here is a dataclass
    return parse(cls, {key: value for key, value in data.items() if key in names})


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise SchemaError("the results are not a list")
    return value


def _label(label: str) -> str:
    problem = label_problem(label)
    if problem:
        raise SchemaError(f"a class can't be used: {problem}")
    return label


def _box(row: object) -> Box:
    found = _picked(_Object, row)
    if len(found.xyxy) != 4:
        raise SchemaError("a box has not four edges")
    x1, y1, x2, y2 = found.xyxy
    return Box(_label(found.label), (x1, y1, x2, y2))
