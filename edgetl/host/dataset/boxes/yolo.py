"""Reads and writes YOLO: a text file a photo, in `labels/` or beside it, with a line for each box, and class names.

The classes are named in `data.yaml` (https://docs.ultralytics.com/datasets/detect/), or in a list of names that
LabelImg, Label Studio, CVAT's "YOLO 1.1" and darknet write: `classes.txt`, `obj.names`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.boxed_photo import Annotations, BoxedPhoto
from edgetl.host.dataset.boxes.tree import Tree
from edgetl.host.dataset.boxes.yolo_darknet import describe_darknet, other_names
from edgetl.host.dataset.boxes.yolo_labels import Labels, begins_with_a_box, in_labels, label_files, shares
from edgetl.host.dataset.boxes.yolo_yaml import describe_yaml, names_class_folders, names_classes
from edgetl.host.dataset.photos import read_records
from edgetl.host.dataset.split_parts import Part
from edgetl.text import counted, listed

_PARTS: tuple[Part, ...] = ("train", "val", "test")


def recognise(tree: Tree) -> list[Path]:
    """Returns the YAML files at the top that name classes, else the label files; none for a set of class folders."""
    texts = tree.files(".txt")
    files = [file for file in tree.files(".yaml", ".yml") if file.parent == tree.root and names_classes(file)]
    if files and not any(_is_label_file(tree, file) for file in texts):
        # A classifier's data.yaml may name its class folders.
        files = [file for file in files if not names_class_folders(tree, file)]
    return files or [file for file in texts if _is_label_file(tree, file)]


def read(tree: Tree, files: Sequence[Path]) -> Annotations:
    """Reads the data set that a YAML file or a list of names describes.

    Raises:
        DatasetError: no file or several files describe it, a file can't be read, or a line of a label file is wrong.
    """
    without_yaml = files[0].suffix.lower() == ".txt"
    if len(files) > 1 and not without_yaml:
        what = f"several files describe the data set: {', '.join(map(tree.name, files))}"
        raise DatasetError(what, where=str(tree.root), remedy="keep one of them here")
    annotations = Annotations()
    files_of, lost, shared = label_files(tree)
    described = describe_darknet(tree, files, files_of) if without_yaml else describe_yaml(tree, files[0])
    annotations.missing.extend([*described.missing, *(f"{tree.name(file)}: {file.stem}" for file in lost)])
    annotations.notes.extend(described.notes)
    if not without_yaml:
        annotations.notes.extend(other_names(tree, files_of, described.names))
    labels = Labels(described)
    paths = [path for path in tree.photos if path in described.parts]
    unlabelled = 0
    for path, record in zip(paths, read_records(tree.root, paths), strict=True):  # boxes in px need the photo's size
        file = files_of.get(path)
        unlabelled += file is None
        boxes = labels.read(file, (record.width, record.height)) if file else ()
        annotations.photos.append(BoxedPhoto(path, described.parts[path], boxes, None, str(file or path)))
    if unlabelled:
        annotations.notes.append(f"{counted(unlabelled, 'photo')} without a label file, used as background as in YOLO")
    if shared:
        names = listed([tree.name(file) for file in shared])
        count = counted(len(shared), "label file")
        annotations.notes.append(f"{count} used for several photos of the same name: {names}")
    annotations.notes.extend(labels.notes())
    return annotations


def _is_label_file(tree: Tree, file: Path) -> bool:
    return in_labels(tree, file) or (tree.has_beside(file.stem, file.parent) and begins_with_a_box(file))


def place(part: Part, name: str) -> str:
    """Returns the path of a photo below the data set's folder."""
    return f"images/{part}/{name}" if part else f"images/{name}"


def write(folder: Path, photos: Sequence[BoxedPhoto]) -> None:
    """Writes `data.yaml` and `labels/`; without parts, `train` and `val` name the same folder, as is usual in YOLO."""
    labels = sorted({box.label for photo in photos for box in photo.boxes})
    number_of = {label: i for i, label in enumerate(labels)}
    for photo in photos:
        file = folder / "labels" / photo.path.relative_to(folder / "images").with_suffix(".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{number_of[box.label]} {shares(box, photo.size_wh or (1, 1))}\n" for box in photo.boxes]
        file.write_text("".join(lines), encoding="utf-8")
    present = {photo.part for photo in photos}
    places = {str(part): f"images/{part}" for part in _PARTS if part in present}
    document = {**(places or {"train": "images", "val": "images"}), "names": dict(enumerate(labels))}
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1_000_000)
    (folder / "data.yaml").write_text(text, encoding="utf-8")
