"""YOLO: `data.yaml` with the names of the classes, and in `labels/` a text for each photo in `images/`.

A line is `class x y width height`: the centre and the size as shares of the upright photo.
Format: https://docs.ultralytics.com/datasets/detect/.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes import Annotations, Box, BoxedPhoto, number
from edgetl.host.dataset.folders import Part
from edgetl.host.dataset.photos import inspect
from edgetl.host.dataset.tree import Tree, part_of_folder, read_text

_PARTS: tuple[Part, ...] = ("train", "val", "test")
_REMEDY = "give data.yaml `names`, and the photos' folders as `train`, `val` and `test`"
_LINE = "write `class x y width height`, one box a line"
_MOST = 2.0
"""A box's share of its photo that reaches beyond this is none: the numbers are px."""


def recognise(tree: Tree) -> list[Path]:
    """Returns the YAML files in the folder itself that name classes; without one, the label files."""
    files = [file for file in tree.files(".yaml", ".yml") if file.parent == tree.root and _names_classes(file)]
    return files or [file for file in tree.files(".txt") if _in_labels(tree, file) or _is_label_file(tree, file)]


def read(tree: Tree, files: Sequence[Path]) -> Annotations:
    """Reads the data set that the YAML file describes.

    Raises:
        DatasetError: there is none or several, it can't be read, or a line of a label file is wrong.
    """
    if any(file.suffix.lower() == ".txt" for file in files):
        what = f"no data.yaml names the classes of the labels, such as {tree.name(files[0])}"
        raise DatasetError(what, where=str(tree.root), remedy=_REMEDY)
    if len(files) > 1:
        what = f"several files describe the data set: {', '.join(map(tree.name, files))}"
        raise DatasetError(what, where=str(tree.root), remedy="keep one of them here")
    document = _parse(files[0])
    names = _names(document, files[0])
    told = Annotations([], [], [])
    folders = _folders(tree, files[0], document, told.notes)
    labels = _label_files(tree, told.missing)
    paths = [path for path in tree.photos if _innermost(path, folders)]
    bare = 0
    for path, record in zip(paths, inspect(tree.root, paths), strict=True):  # boxes in px need the photo's size
        label_file = labels.get(path)
        bare += label_file is None
        boxes = _boxes(label_file, names, (record.width, record.height)) if label_file else ()
        told.photos.append(BoxedPhoto(path, _part(path, folders), boxes, None, str(label_file or path)))
    if bare:
        told.notes.append(f"{bare} photos have no label file: they count as background, as YOLO has it")
    return told


def place(part: Part, name: str) -> str:
    """Returns where a photo lies."""
    return f"images/{part}/{name}" if part else f"images/{name}"


def write(folder: Path, photos: Sequence[BoxedPhoto]) -> None:
    """Writes `data.yaml` and `labels/`; a set without parts trains and validates on the same folder, as is usual."""
    labels = sorted({box.label for photo in photos for box in photo.boxes})
    number_of = {label: i for i, label in enumerate(labels)}
    for photo in photos:
        file = folder / "labels" / photo.path.relative_to(folder / "images").with_suffix(".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{number_of[box.label]} {_shares(box, photo.size_wh or (1, 1))}\n" for box in photo.boxes]
        file.write_text("".join(lines), encoding="utf-8")
    present = {photo.part for photo in photos}
    places = {str(part): f"images/{part}" for part in _PARTS if part in present}
    document = {**(places or {"train": "images", "val": "images"}), "names": dict(enumerate(labels))}
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    (folder / "data.yaml").write_text(text, encoding="utf-8")


def _names_classes(file: Path) -> bool:
    return re.search(rb"^[\"']?names[\"']?\s*:", file.read_bytes(), re.MULTILINE) is not None


def _parse(file: Path) -> Mapping[object, object]:
    try:
        document = yaml.safe_load(read_text(file))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}:{mark.line + 1}" if mark else str(file)
        what = f"is not YAML: {getattr(error, 'problem', None) or 'it has characters that YAML forbids'}"
        raise DatasetError(what, where=where, remedy="mend the file") from error
    if not isinstance(document, dict):
        raise DatasetError("has no keys", where=str(file), remedy=_REMEDY)
    return document


def _names(document: Mapping[object, object], file: Path) -> dict[int, str]:
    """The name of each class by its number."""
    told = document.get("names")
    rows = dict(enumerate(told)) if isinstance(told, list) else told
    if not isinstance(rows, dict) or not rows:
        raise DatasetError("`names` must list the classes", where=str(file), remedy=_REMEDY)
    names = {}
    for key, name in rows.items():
        whole = isinstance(key, int) and not isinstance(key, bool)
        if not whole or isinstance(name, bool) or not isinstance(name, str | int | float):
            what = f"`names` must give each number one text, not so at {key!s:.20}"
            raise DatasetError(
                what, where=str(file), remedy="quote names such as 'no' or 'on', and number them 0, 1, …"
            )
        names[key] = str(name)
    return names


def _folders(tree: Tree, file: Path, document: Mapping[object, object], notes: list[str]) -> dict[Path, Part]:
    """The folders of photos with the part each is; empty where training and validation are the same folder."""
    folders: dict[Path, Part] = {}
    for part in _PARTS:
        told = document.get(part) or (document.get("valid") if part == "val" else None) or []
        for entry in told if isinstance(told, list) else [told]:
            folder = _folder(tree, file, document.get("path"), entry, part)
            if folder is None:
                notes.append(f"the folder of `{part}` is missing: {entry}")
            elif folders.get(folder) == "train" and part == "val":
                folders[folder] = ""
            else:
                folders.setdefault(folder, part)
    if not folders:
        raise DatasetError("names no folder of photos", where=str(file), remedy=_REMEDY)
    return folders


def _folder(tree: Tree, file: Path, base: object, entry: object, part: Part) -> Path | None:
    """A folder as the file names it: below `path`, below the file's own folder, or one level too high, as Roboflow's.

    A missing `test` is None: many sets name one that they don't have.
    """
    if not isinstance(entry, str):
        raise DatasetError(f"`{part}` must be a folder", where=str(file), remedy=_REMEDY)
    root = Path(os.path.normpath(tree.root.absolute()))
    plain = entry.replace("\\", "/")
    tries = [file.parent / base / plain] if isinstance(base, str) else []
    tries += [file.parent / plain, file.parent / re.sub(r"^(\.\./)+", "", plain)]
    for path in tries:
        plain_path = Path(os.path.normpath(path.absolute()))  # not resolved: a folder may be a link to another disk
        if plain_path.is_dir() and plain_path.is_relative_to(root):
            return tree.root / plain_path.relative_to(root)
    if part == "test":
        return None
    told = "is a list of photos; only folders are read" if plain.endswith(".txt") else "is no folder of this data set"
    raise DatasetError(f"`{part}` {told}: {entry:.80}", where=str(file), remedy=_REMEDY)


def _part(path: Path, folders: Mapping[Path, Part]) -> Part:
    """The part of a photo: that of its named folder, but a `test/` inside that one is never trained on."""
    folder = _innermost(path, folders)
    if folder is None:
        return ""
    within = path.relative_to(folder).parts[:-1]
    return "test" if any(part_of_folder(name) == "test" for name in within) else folders[folder]


def _innermost(path: Path, folders: Mapping[Path, Part]) -> Path | None:
    """The named folder that a photo lies in; a test folder inside the training folder is the test's."""
    return next((folder for folder in path.parents if folder in folders), None)


def _label_files(tree: Tree, missing: list[str]) -> dict[Path, Path]:
    """The label files by their photos; those in `labels/` that have none are added to `missing`."""
    texts = {tree.name(file).lower(): file for file in tree.files(".txt")}
    files = {}
    for path in tree.photos:
        found = next((texts[name] for name in _label_names(tree, path) if name in texts), None)
        if found:
            files[path] = found
    known = {*files.values()}
    rest = [f for f in texts.values() if f not in known and _in_labels(tree, f) and f.name.lower() != "classes.txt"]
    missing += [f"{tree.name(file)}: {file.stem}" for file in rest]
    return files


def _label_names(tree: Tree, path: Path) -> list[str]:
    """What a photo's label file may be called: in `labels` in place of its last `images` folder, or beside it."""
    folder, _, rest = f"/{tree.name(path.with_suffix('.txt'))}".lower().rpartition("/images/")
    beside = tree.name(path.with_suffix(".txt")).lower()
    return [f"{folder}/labels/{rest}".removeprefix("/"), beside] if rest != f"/{beside}" else [beside]


def _in_labels(tree: Tree, file: Path) -> bool:
    return "labels" in tree.name(file.parent).lower().split("/")


def _is_label_file(tree: Tree, file: Path) -> bool:
    """Whether a text beside a photo of its name begins with a box."""
    if tree.beside(f"{file.stem}.jpg", [file.parent]) is None:
        return False
    with file.open("rb") as stream:
        return re.match(rb"\s*\d+(\s+[-+.\deE]+){4}\s*?(\n|$)", stream.read(200)) is not None


def _boxes(file: Path, names: Mapping[int, str], size_wh: tuple[int, int]) -> tuple[Box, ...]:
    boxes = []
    for count, line in enumerate(read_text(file).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{file}:{count}"
        words = line.split()
        if len(words) != 5:
            kind = ": a polygon, where a box is needed" if len(words) > 6 and len(words) % 2 else ""
            raise DatasetError(f"a line has {len(words)} numbers, not 5{kind}", where=where, remedy=_LINE)
        index, x, y, width, height = (number(word, "each of a line's values", where) for word in words)
        if index not in names:
            what = f"the class {words[0]} is none of the {len(names)} that data.yaml names"
            raise DatasetError(what, where=where, remedy="correct the number, or add the class to `names`")
        if max(x, y, width, height) > _MOST:
            what = f"a box is given in shares of the photo, 0 to 1, not as {' '.join(words[1:]):.40}"
            raise DatasetError(
                what, where=where, remedy="divide x and width by the photo's width, y and height by its height"
            )
        (w, h), half_w, half_h = size_wh, width / 2, height / 2
        boxes.append(Box(names[int(index)], ((x - half_w) * w, (y - half_h) * h, (x + half_w) * w, (y + half_h) * h)))
    return tuple(boxes)


def _shares(box: Box, size_wh: tuple[int, int]) -> str:
    """A box as YOLO has it; nine digits are a thousandth of a px in any photo."""
    (x1, y1, x2, y2), (w, h) = box.xyxy, size_wh
    values = (x1 + x2) / 2 / w, (y1 + y2) / 2 / h, (x2 - x1) / w, (y2 - y1) / h
    return " ".join(f"{value:.9f}" for value in values)
