"""Reads and writes COCO instances: JSON files in `annotations/`, in each part's folder, or beside the photos.

Format: https://cocodataset.org/#format-data.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.annotation_text import class_name, head_of, number, read_text, size_wh
from edgetl.host.dataset.boxes.boxed_photo import Annotations, Box, BoxedPhoto
from edgetl.host.dataset.boxes.tree import Tree
from edgetl.host.dataset.split_parts import Part
from edgetl.text import listed

_HEAD = 1 << 20
"""A JSON file is recognised by this many bytes at its beginning; the keys of a larger file may follow later."""

_REMEDY = "export the annotations again, as COCO instances"

_DIGITS = 4
"""Coordinates are written with this many decimals, px."""


def recognise(tree: Tree) -> list[Path]:
    """Returns the JSON files in COCO's format; if some are called `instances…`, only those."""
    files = [file for file in tree.files(".json") if _is_annotation(file)]
    instances = [file for file in files if file.name.startswith("instances")]
    return instances or files


def read(tree: Tree, files: Sequence[Path]) -> Annotations:
    """Reads the JSON files.

    Raises:
        DatasetError: a file is not JSON, not in COCO's format, or contradicts itself.
    """
    annotations = Annotations()
    others = [tree.name(file) for file in tree.files(".json") if _is_annotation(file) and file not in files]
    if others:
        annotations.notes.append(f"only the instances are read, not {listed(others)}")
    for file in files:
        _read_file(tree, file, annotations)
    return annotations


def place(part: Part, name: str) -> str:
    """Returns the path of a photo below the data set's folder."""
    return f"{part or 'images'}/{name}"


def write(folder: Path, photos: Sequence[BoxedPhoto]) -> None:
    """Writes `annotations/instances_PART.json` for each part, all with the same class numbers."""
    (folder / "annotations").mkdir(parents=True)
    labels = sorted({box.label for photo in photos for box in photo.boxes})
    for part in sorted({photo.part for photo in photos}):
        document = _document([photo for photo in photos if photo.part == part], labels)
        name = f"instances_{part}.json" if part else "instances.json"
        text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        (folder / "annotations" / name).write_text(text, encoding="utf-8")


def _is_annotation(file: Path) -> bool:
    if file.parent.name.lower() == "annotations" or file.name.lower().endswith(".coco.json"):
        return True
    head = head_of(file, _HEAD)
    others = any(key in head for key in (b'"annotations"', b'"categories"', b'"file_name"'))
    return b'"images"' in head and (others or len(head) == _HEAD)


def _read_file(tree: Tree, file: Path, annotations: Annotations) -> None:
    document = _parse(file)
    labels = _labels(document, file, annotations.notes)
    images = _images(document, file, annotations.notes)
    boxes: dict[str, list[Box]] = {key: [] for key in images}
    for position, row in enumerate(_rows(document, "annotations", file, needed=bool(labels))):
        what = _annotation(row, position)
        key = _key(row.get("image_id"))
        if key is None or key not in boxes:
            reason = f"{what} belongs to an image that isn't listed: {_text(row.get('image_id'))}"
            raise DatasetError(reason, where=str(file), remedy=_REMEDY)
        boxes[key].append(_box(row, what, labels, file))
    for key, (name, row) in images.items():
        path = _photo(tree, file, name)
        if path is None:
            annotations.missing.append(f"{tree.name(file)}: {name}")
            continue
        size = size_wh(row.get("width"), row.get("height"), str(file))
        annotations.photos.append(BoxedPhoto(path, tree.part_in(file, path), tuple(boxes[key]), size, str(file)))


def _photo(tree: Tree, file: Path, name: str) -> Path | None:
    """Returns the photo that a JSON file names; web tools such as Label Studio may write the name URL-encoded."""
    found = (tree.find(file, spelling, _folders(tree, file)) for spelling in dict.fromkeys((name, unquote(name))))
    return next((path for path in found if path), None)


def _parse(file: Path) -> Mapping[str, object]:
    try:
        document = json.loads(read_text(file))
    except json.JSONDecodeError as error:
        what = f"is not JSON: {error.msg} (column {error.colno})"
        raise DatasetError(what, where=f"{file}:{error.lineno}", remedy=_REMEDY) from error
    except (RecursionError, ValueError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else "it has a number of thousands of digits"
        raise DatasetError(f"is not COCO: {reason}", where=str(file), remedy=_REMEDY) from error
    if not isinstance(document, dict):
        raise DatasetError("is not COCO: its top level is not an object", where=str(file), remedy=_REMEDY)
    return document


def _rows(document: Mapping[str, object], key: str, file: Path, *, needed: bool = True) -> list[dict[str, object]]:
    rows = document.get(key, None if needed else [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DatasetError(f"is not COCO: {key!r} must be a list of objects", where=str(file), remedy=_REMEDY)
    return rows


def _key(value: object) -> str | None:
    """Returns an id as text, because some programs write one id as 7, "7" and 7.0; None if the value is not an id."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else None


def _id(row: Mapping[str, object], what: str, file: Path) -> str:
    key = _key(row.get("id"))
    if key is None:
        raise DatasetError(f"an entry of {what!r} has no id", where=str(file), remedy=_REMEDY)
    return key


def _annotation(row: Mapping[str, object], position: int) -> str:
    """Returns the name of an annotation in messages; its id is optional."""
    key = _key(row.get("id"))
    return f"annotation number {position + 1}" if key is None else f"annotation {_text(key)}"


def _text(key: object) -> str:
    return f"{key!s:.40}" if isinstance(key, str | int | float) else "none"


def _images(document: Mapping[str, object], file: Path, notes: list[str]) -> dict[str, tuple[str, dict[str, object]]]:
    """Returns the file name and the entry of each image by its id.

    Two photos with the same id are refused, because their boxes can't be told apart. They occur in data sets that
    were merged without new ids.
    """
    images: dict[str, tuple[str, dict[str, object]]] = {}
    repeated = 0
    for row in _rows(document, "images", file):
        key, name = _id(row, "images", file), row.get("file_name")
        if not isinstance(name, str) or not name.strip():
            raise DatasetError(f"image {_text(key)} has no file_name", where=str(file), remedy=_REMEDY)
        known, _ = images.setdefault(key, (name, row))
        if known != name:
            what = f"two images have the id {_text(key)}: {known:.80} and {name:.80}"
            remedy = "give the images and their annotations new numbers"
            raise DatasetError(what, where=str(file), remedy=remedy)
        repeated += images[key][1] is not row
    if repeated:
        notes.append(f"images listed twice with the same id and file, used once: {repeated}")
    return images


def _labels(document: Mapping[str, object], file: Path, notes: list[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for row in _rows(document, "categories", file):
        key, name = _id(row, "categories", file), row.get("name")
        label = class_name(_key(name) or "", f"category {_text(key)}", str(file))
        if labels.setdefault(key, label) != label:
            what = f"two categories have the id {_text(key)}: {labels[key]} and {label}"
            raise DatasetError(what, where=str(file), remedy="give each category its own id")
    same = sorted(label for label, count in Counter(labels.values()).items() if count > 1)
    if same:
        notes.append(f"several categories have the same name and count as one class: {listed(same)}")
    return labels


def _box(row: Mapping[str, object], what: str, labels: Mapping[str, str], file: Path) -> Box:
    category = _key(row.get("category_id"))
    if category is None or category not in labels:
        reason = f"{what} is of category {_text(row.get('category_id'))}, which isn't listed"
        raise DatasetError(reason, where=str(file), remedy=_REMEDY)
    bbox = row.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4:
        reason = f"{what} has no bbox of four numbers (x, y, width, height)"
        raise DatasetError(reason, where=str(file), remedy=_REMEDY)
    x, y, width, height = (number(value, f"the bbox of {what}", str(file)) for value in bbox)
    return Box(labels[category], (x, y, x + width, y + height), crowd=row.get("iscrowd") in (1, True))


def _folders(tree: Tree, file: Path) -> list[Path]:
    """Returns the folders of a JSON file's photos: its own; `X/`, `images/X/` for `annotations/instances_X.json`."""
    bases = [file.parent] if file.parent == tree.root else [file.parent, file.parent.parent]
    last = file.stem.rpartition("_")[2]
    return [folder for base in bases for folder in (base / last, base / "images" / last, base, base / "images")]


def _document(photos: Sequence[BoxedPhoto], labels: Sequence[str]) -> dict[str, object]:
    number_of = {label: i for i, label in enumerate(labels, start=1)}
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for i, photo in enumerate(photos, start=1):
        width, height = photo.size_wh or (0, 0)
        images.append({"id": i, "file_name": photo.path.name, "width": width, "height": height})
        for box in photo.boxes:
            x1, y1, x2, y2 = box.xyxy
            bbox = [round(value, _DIGITS) for value in (x1, y1, x2 - x1, y2 - y1)]
            row = {"id": len(annotations) + 1, "image_id": i, "category_id": number_of[box.label], "bbox": bbox}
            annotations.append({**row, "area": round(bbox[2] * bbox[3], _DIGITS), "iscrowd": int(box.crowd)})
    categories = [{"id": i, "name": label} for label, i in number_of.items()]
    return {"images": images, "annotations": annotations, "categories": categories}
