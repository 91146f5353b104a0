"""Reads and writes a CSV with a line for each box: filename, width, height, class, xmin, ymin, xmax, ymax.

This is the format of TensorFlow's object detection tutorials: `train_labels.csv` beside `train/`, or a CSV beside its
photos. Width and height may be missing, and semicolons or tabs may separate the columns.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.annotation_text import class_name, format_px, head_of, number, read_text, size_wh
from edgetl.host.dataset.boxes.boxed_photo import Annotations, Box, BoxedPhoto
from edgetl.host.dataset.boxes.tree import Tree, part_of_file
from edgetl.host.dataset.split_parts import Part

_EDGES = ("xmin", "ymin", "xmax", "ymax")
_NEEDED = ("filename", "class", *_EDGES)
_COLUMNS = ("filename", "width", "height", "class", *_EDGES)
_ALIASES = {"image": "filename", "file_name": "filename", "label": "class"}
"""The names of these columns in other programs, such as VoTT."""
_SEPARATORS = (",", ";", "\t")
_REMEDY = f"give each line these columns: {', '.join(_COLUMNS)}"

_HEAD = 4000
"""A CSV is recognised by this many bytes at its beginning, which hold its first line."""


class _Photo(NamedTuple):
    """The boxes of a photo in a CSV.

    Attributes:
        where: the file and the first line of the photo.
        size_wh: width and height, px; None if the CSV does not have them.
        boxes: the boxes in the order of their lines.
    """

    where: str
    size_wh: tuple[int, int] | None
    boxes: list[Box]


def recognise(tree: Tree) -> list[Path]:
    """Returns the CSV files whose first line names a photo, a class and a box."""
    return [file for file in tree.files(".csv") if _is_annotation(file)]


def read(tree: Tree, files: Sequence[Path]) -> Annotations:
    """Reads the CSV files.

    Raises:
        DatasetError: a line lacks a column, or a value is not a number.
    """
    annotations = Annotations()
    for file in files:
        folders = [file.parent / part_of_file(file), file.parent, file.parent / "images"]
        for name, photo in _rows(file).items():
            path = tree.find(file, name, folders)
            if path is None:
                annotations.missing.append(f"{tree.name(file)}:{photo.where.rpartition(':')[2]}: {name}")
                continue
            boxes, part = tuple(photo.boxes), tree.part_in(file, path)
            annotations.photos.append(BoxedPhoto(path, part, boxes, photo.size_wh, photo.where))
    return annotations


def place(part: Part, name: str) -> str:
    """Returns the path of a photo below the data set's folder."""
    return f"{part or 'images'}/{name}"


def write(folder: Path, photos: Sequence[BoxedPhoto]) -> None:
    """Writes `PART_labels.csv` for each part, or `labels.csv` without parts; a photo without boxes has no line."""
    for part in sorted({photo.part for photo in photos}):
        with (folder / (f"{part}_labels.csv" if part else "labels.csv")).open(
            "w", encoding="utf-8", newline=""
        ) as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(_COLUMNS)
            for photo in photos:
                size = photo.size_wh or (0, 0)
                rows = photo.boxes if photo.part == part else ()
                out.writerows([photo.path.name, *size, box.label, *map(format_px, box.xyxy)] for box in rows)


def _is_annotation(file: Path) -> bool:
    head = head_of(file, _HEAD).decode("utf-8-sig", "replace")
    names = set(_header(head)[1])
    return {"filename", "class", "xmin"} <= names


def _header(text: str) -> tuple[str, list[str]]:
    """Returns the separator of the columns and their names as in `_COLUMNS`.

    Programs with a decimal comma separate columns by semicolons, and spreadsheets by tabs.
    """
    line = re.split(r"[\r\n]", text, maxsplit=1)[0]
    separator = max(_SEPARATORS, key=line.count)
    try:
        names = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:  # a field of more than 128 kB
        names = []
    plain = [name.strip().lower() for name in names]
    return separator, [_ALIASES[name] if _ALIASES.get(name, name) not in plain else name for name in plain]


def _rows(file: Path) -> dict[str, _Photo]:
    """Returns the boxes of each photo by its file name."""
    text = read_text(file)
    separator, names = _header(text)
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise DatasetError(f"has no column {', '.join(missing)}", where=f"{file}:1", remedy=_REMEDY)
    twice = [name for name in _COLUMNS if names.count(name) > 1]
    if twice:
        raise DatasetError(f"has the column {twice[0]} twice", where=f"{file}:1", remedy=_REMEDY)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    photos: dict[str, _Photo] = {}
    try:
        next(reader)
        for values in reader:
            if any(map(str.strip, values)):
                _add(photos, values, names, f"{file}:{reader.line_num}", decimal="," if separator == ";" else ".")
    except csv.Error as error:
        raise DatasetError(f"is not CSV: {error}", where=f"{file}:{reader.line_num}", remedy=_REMEDY) from error
    return photos


def _add(photos: dict[str, _Photo], values: Sequence[str], names: Sequence[str], where: str, decimal: str) -> None:
    """Adds a line's box to its photo."""
    few, many = len(values) < len(names), len(values) > len(names) and any(map(str.strip, values[len(names) :]))
    if few or many:
        what = f"has {'fewer' if few else 'more'} than {len(names)} values"
        raise DatasetError(what, where=where, remedy=_REMEDY)
    row = {name: value.strip() for name, value in zip(names, values, strict=False)}
    if not row["class"] or not row["filename"]:
        raise DatasetError("a line needs a filename and a class", where=where, remedy=_REMEDY)
    size = size_wh(row.get("width"), row.get("height"), where)
    photo = photos.setdefault(row["filename"], _Photo(where, size, []))
    if photo.size_wh != size:
        what = f"gives {row['filename']:.80} another size than the line {photo.where.rpartition(':')[2]}"
        raise DatasetError(what, where=where, remedy="give every line of a photo the same width and height")
    x1, y1, x2, y2 = (number(row[key].replace(decimal, "."), key, where) for key in _EDGES)
    photo.boxes.append(Box(class_name(row["class"], "a line", where), (x1, y1, x2, y2)))
