"""YOLO: in `labels/` or beside each photo a text with a line for each box, and a file that names the classes.

That file is `data.yaml` (https://docs.ultralytics.com/datasets/detect/), or a list of names as LabelImg, Label Studio,
CVAT's "YOLO 1.1" and darknet have it: `classes.txt`, `obj.names`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.annotation_text import listed
from edgetl.host.dataset.boxes.boxed_photo import Annotations, BoxedPhoto
from edgetl.host.dataset.boxes.tree import Tree
from edgetl.host.dataset.boxes.yolo_darknet import describe_darknet, other_names
from edgetl.host.dataset.boxes.yolo_labels import Labels, begins_with_a_box, in_labels, label_files, shares
from edgetl.host.dataset.boxes.yolo_yaml import describe_yaml, names_classes
from edgetl.host.dataset.parts import Part
from edgetl.host.dataset.photos import inspect

_PARTS: tuple[Part, ...] = ("train", "val", "test")


def recognise(tree: Tree) -> list[Path]:
    """Returns the YAML files in the folder itself that name classes; without one, the label files."""
    files = [file for file in tree.files(".yaml", ".yml") if file.parent == tree.root and names_classes(file)]
    texts = [] if files else tree.files(".txt")
    return files or [
        file
        for file in texts
        if in_labels(tree, file) or (tree.has_beside(file.stem, file.parent) and begins_with_a_box(file))
    ]


def read(tree: Tree, files: Sequence[Path]) -> Annotations:
    """Reads the data set that the YAML file or the list of names describes.

    Raises:
        DatasetError: there is none or several, it can't be read, or a line of a label file is wrong.
    """
    without_yaml = files[0].suffix.lower() == ".txt"
    if len(files) > 1 and not without_yaml:
        what = f"several files describe the data set: {', '.join(map(tree.name, files))}"
        raise DatasetError(what, where=str(tree.root), remedy="keep one of them here")
    told = Annotations([], [], [])
    files_of, lost, shared = label_files(tree)
    described = describe_darknet(tree, files, files_of) if without_yaml else describe_yaml(tree, files[0])
    told.missing.extend([*described.missing, *(f"{tree.name(file)}: {file.stem}" for file in lost)])
    told.notes.extend(described.notes)
    if not without_yaml:
        told.notes.extend(other_names(tree, files_of, described.names))
    labels = Labels(described)
    paths = [path for path in tree.photos if path in described.parts]
    bare = 0
    for path, record in zip(paths, inspect(tree.root, paths), strict=True):  # boxes in px need the photo's size
        file = files_of.get(path)
        bare += file is None
        boxes = labels.read(file, (record.width, record.height)) if file else ()
        told.photos.append(BoxedPhoto(path, described.parts[path], boxes, None, str(file or path)))
    if bare:
        told.notes.append(f"{bare} photos have no label file: they count as background, as YOLO has it")
    if shared:
        names = listed([tree.name(file) for file in shared])
        told.notes.append(f"{len(shared)} label files count for several photos of the same name: {names}")
    told.notes.extend(labels.notes())
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
        lines = [f"{number_of[box.label]} {shares(box, photo.size_wh or (1, 1))}\n" for box in photo.boxes]
        file.write_text("".join(lines), encoding="utf-8")
    present = {photo.part for photo in photos}
    places = {str(part): f"images/{part}" for part in _PARTS if part in present}
    document = {**(places or {"train": "images", "val": "images"}), "names": dict(enumerate(labels))}
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1_000_000)
    (folder / "data.yaml").write_text(text, encoding="utf-8")
