"""Reads YOLO's label files, and finds the photo of each.

A line is `class x y width height`: the centre and the size of a box as shares of the upright photo.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.annotation_text import head_of, number, read_text
from edgetl.host.dataset.boxes.boxed_photo import Box
from edgetl.host.dataset.boxes.tree import Tree, same_name
from edgetl.host.dataset.boxes.yolo_darknet import is_list_of_names
from edgetl.host.dataset.boxes.yolo_description import Described
from edgetl.text import counted

_LINE = "write `class x y width height`, one box a line"
_MOST_BYTES = 8 << 20
"""A label file may have at most this many bytes, which is room for a hundred thousand boxes."""

_MOST = 2.0
"""A larger number of a box is not a share of the photo but px."""

_MOST_CORNER = 1.1
"""A larger number of a polygon is not a share of the photo; its corners lie in the photo except for rounding."""


class Labels:
    """Reads label files, and counts the lines that hold more than a box.

    Args:
        described: the data set's description.
    """

    def __init__(self, described: Described) -> None:
        self._described = described
        self._polygons = 0
        self._poses = 0

    def read(self, file: Path, size_wh: tuple[int, int]) -> tuple[Box, ...]:
        """Reads a label file.

        Args:
            file: the label file.
            size_wh: width and height of the upright photo, px.

        Raises:
            DatasetError: a line is wrong.
        """
        boxes = []
        for count, line in enumerate(read_text(file, _MOST_BYTES).split("\n"), start=1):
            if line.strip():
                boxes.append(self._box(line.split(), f"{file}:{count}", size_wh))
        return tuple(boxes)

    def notes(self) -> list[str]:
        """Returns notes on polygons and key points in the files that were read."""
        found = (
            (self._polygons, "with a polygon: the box around it is used"),
            (self._poses, "with key points behind the box, which are left out"),
        )
        return [f"{counted(count, 'line')} {what}" for count, what in found if count]

    def _box(self, words: Sequence[str], where: str, size_wh: tuple[int, int]) -> Box:
        polygon = self._is_polygon(words, where)
        values = [number(word, "each of a line's values", where) for word in words]
        if values[0] not in self._described.names:
            classes = counted(len(self._described.names), "class", "classes")
            what = f"the class {words[0]:.20} is not in {self._described.source}, which names {classes}"
            raise DatasetError(what, where=where, remedy="correct the number, or add the class to the names")
        x1, y1, x2, y2 = _around(values[1:]) if polygon else _edges(values[1:5])
        if max(map(abs, values[1:] if polygon else values[1:5])) > (_MOST_CORNER if polygon else _MOST):
            what = f"a box must be in shares of the photo, 0 to 1, not {' '.join(words[1:5]):.40}"
            remedy = "divide x and width by the photo's width, y and height by its height"
            raise DatasetError(what, where=where, remedy=remedy)
        w, h = size_wh
        return Box(self._described.names[int(values[0])], (x1 * w, y1 * h, x2 * w, y2 * h))

    def _is_polygon(self, words: Sequence[str], where: str) -> bool:
        """Returns whether a line holds the corners of a polygon instead of a box; refuses a line that is neither."""
        count, keypoints = len(words), self._described.keypoints
        if count == 5:
            return False
        if keypoints and count == 5 + keypoints:
            self._poses += 1
            return False
        if not keypoints and count >= 7 and count % 2:
            self._polygons += 1
            return True
        remedy = f"{_LINE}; the line of a prediction has a score at its end, which a label must not have"
        remedy = remedy if count == 6 else _LINE
        raise DatasetError(f"a line has {count} numbers, not 5", where=where, remedy=remedy)


def shares(box: Box, size_wh: tuple[int, int]) -> str:
    """Returns a box as the text of a YOLO line; nine decimals are exact to a thousandth of a px in any photo."""
    (x1, y1, x2, y2), (w, h) = box.xyxy, size_wh
    values = (x1 + x2) / 2 / w, (y1 + y2) / 2 / h, (x2 - x1) / w, (y2 - y1) / h
    return " ".join(f"{value:.9f}" for value in values)


def label_files(tree: Tree) -> tuple[dict[Path, Path], list[Path], list[Path]]:
    """Finds the label files.

    Returns:
        The label file of each photo that has one; the files in `labels/` that belong to no photo; the files that
        belong to several photos.
    """
    texts = {same_name(tree.name(file)): file for file in tree.files(".txt")}
    files: dict[Path, Path] = {}
    for path in tree.photos:
        found = next((texts[name] for name in _label_names(tree, path) if name in texts), None)
        if found:
            files[path] = found
    counts: dict[Path, int] = {}
    for file in files.values():
        counts[file] = counts.get(file, 0) + 1
    lost = [f for f in texts.values() if f not in counts and in_labels(tree, f) and not is_list_of_names(f)]
    return files, lost, [file for file, count in counts.items() if count > 1]


def in_labels(tree: Tree, file: Path) -> bool:
    """Returns whether a file lies in a folder called `labels`, or below one."""
    return "labels" in tree.name(file.parent).lower().split("/")


def begins_with_a_box(file: Path) -> bool:
    """Returns whether the first line of a text file is a box."""
    return re.match(rb"(\xef\xbb\xbf)?\s*\d+(\s+[-+.\deE]+){4,}\s*?(\n|$)", head_of(file, 2000)) is not None


def _label_names(tree: Tree, path: Path) -> list[str]:
    """Returns the possible names of a photo's label file: in `labels` in place of `images`, or beside the photo."""
    names = []
    for file in (path.with_suffix(".txt"), path.with_name(f"{path.name}.txt")):
        beside = same_name(tree.name(file))
        folder, images, rest = f"/{beside}".rpartition("/images/")
        names += [f"{folder}/labels/{rest}".removeprefix("/"), beside] if images else [beside]
    return names


def _edges(values: Sequence[float]) -> tuple[float, float, float, float]:
    x, y, width, height = values
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _around(values: Sequence[float]) -> tuple[float, float, float, float]:
    xs, ys = values[::2], values[1::2]
    return min(xs), min(ys), max(xs), max(ys)
