"""A CSV with a line for each box: filename, width, height, class, xmin, ymin, xmax, ymax.

The format of TensorFlow's object detection tutorials: `train_labels.csv` beside `train/`, or a CSV beside its photos.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes import Annotations, Box, BoxedPhoto, number, written
from edgetl.host.dataset.folders import Part
from edgetl.host.dataset.tree import Tree, part_of_file, read_text

_COLUMNS = ("filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax")
_REMEDY = f"give each line these columns: {', '.join(_COLUMNS)}"
_HEAD = 4000


def recognise(tree: Tree) -> list[Path]:
    """Returns the CSV files whose first line names a photo, a class and a box."""
    return [file for file in tree.files(".csv") if _is_annotation(file)]


def read(tree: Tree, files: Sequence[Path]) -> Annotations:
    """Reads the CSV files.

    Raises:
        DatasetError: a line lacks a column, or a number is none.
    """
    told = Annotations([], [], [])
    for file in files:
        part = part_of_file(file)
        folders = [file.parent / part, file.parent, file.parent / "images"]
        for name, (line, size, boxes) in _rows(file).items():
            path = tree.beside(name, folders) or tree.anywhere(name, part or tree.part(file))
            if path is None:
                told.missing.append(f"{tree.name(file)}:{line}: {name}")
                continue
            told.photos.append(BoxedPhoto(path, tree.part_in(file, path), tuple(boxes), size, f"{file}:{line}"))
    return told


def place(part: Part, name: str) -> str:
    """Returns where a photo lies."""
    return f"{part or 'images'}/{name}"


def write(folder: Path, photos: Sequence[BoxedPhoto]) -> None:
    """Writes `PART_labels.csv` for each part, `labels.csv` where there are none; a photo without boxes has no line."""
    for part in sorted({photo.part for photo in photos}):
        with (folder / (f"{part}_labels.csv" if part else "labels.csv")).open(
            "w", encoding="utf-8", newline=""
        ) as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(_COLUMNS)
            for photo in photos:
                size = photo.size_wh or (0, 0)
                rows = photo.boxes if photo.part == part else ()
                out.writerows([photo.path.name, *size, box.label, *map(written, box.xyxy)] for box in rows)


def _is_annotation(file: Path) -> bool:
    with file.open("rb") as stream:
        head = stream.read(_HEAD).split(b"\n")[0].decode("utf-8-sig", "replace").lower()
    return {"filename", "class", "xmin"} <= {name.strip() for name in head.split(",")}


def _rows(file: Path) -> dict[str, tuple[int, tuple[int, int] | None, list[Box]]]:
    """What the file says of each photo: its first line, its size and its boxes."""
    reader = csv.DictReader(io.StringIO(read_text(file), newline=""))
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
    missing = [name for name in _COLUMNS if name not in reader.fieldnames]
    if missing:
        raise DatasetError(f"has no column {', '.join(missing)}", where=f"{file}:1", remedy=_REMEDY)
    photos: dict[str, tuple[int, tuple[int, int] | None, list[Box]]] = {}
    try:
        for row in reader:
            where = f"{file}:{reader.line_num}"
            if any(row[name] is None for name in _COLUMNS):
                raise DatasetError(f"has fewer than {len(reader.fieldnames)} values", where=where, remedy=_REMEDY)
            entry = photos.setdefault(row["filename"].strip(), (reader.line_num, _size(row, where), []))
            entry[2].append(_box(row, where))
    except csv.Error as error:
        raise DatasetError(f"is not CSV: {error}", where=f"{file}:{reader.line_num}", remedy=_REMEDY) from error
    return photos


def _size(row: Mapping[str, str], where: str) -> tuple[int, int] | None:
    width, height = (int(number(row[key].strip() or "0", key, where)) for key in ("width", "height"))
    return (width, height) if width > 0 and height > 0 else None


def _box(row: Mapping[str, str], where: str) -> Box:
    if not row["class"].strip() or not row["filename"].strip():
        raise DatasetError("a line needs a filename and a class", where=where, remedy=_REMEDY)
    x1, y1, x2, y2 = (number(row[key], key, where) for key in _COLUMNS[4:])
    return Box(row["class"], (x1, y1, x2, y2))
