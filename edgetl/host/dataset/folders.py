"""Class folders: `DATA/CLASS/photo.jpg`, or `DATA/train/CLASS/…` with `val/` and perhaps `test/` beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgetl.errors import DatasetError
from edgetl.vision.photo import is_photo

Part = Literal["", "train", "val", "test"]

PARTS: dict[str, Part] = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
"""The part of the split that a folder's name means, in lower case."""

_REMEDY = (
    "give a folder that holds one folder of photos for each class, "
    "or photos whose boxes are annotated as Pascal VOC, COCO, YOLO or CSV"
)

_ANNOTATIONS = frozenset({".xml", ".json", ".csv", ".txt", ".yaml", ".yml", ".record", ".tfrecord"})


@dataclass(frozen=True, slots=True)
class Sample:
    """A labelled photo file.

    Attributes:
        path: the file.
        label: its class.
        part: of the data set's own split; empty where it has none.
    """

    path: Path
    label: str
    part: Part


def find_samples(root: Path) -> list[Sample]:
    """Lists a data set's photos, ordered by path.

    Raises:
        DatasetError: no such folder, no class folders, a class without photos, or a split that lacks classes.
    """
    if not root.is_dir():
        raise DatasetError("there is no such folder", where=str(root), remedy=_REMEDY)
    folders = _folders(root)
    parts = {path: PARTS[path.name.lower()] for path in folders if path.name.lower() in PARTS}
    if "train" in parts.values() and (len(parts) > 1 or len(folders) == 1):
        samples = [sample for path, part in parts.items() for sample in _class_folders(path, part)]
        _check_parts(samples, root)
        return samples
    return _class_folders(root, "")


def _class_folders(root: Path, part: Part) -> list[Sample]:
    samples = []
    for folder in _folders(root):
        photos = sorted(path for path in folder.rglob("*") if path.is_file() and _counts(path.relative_to(folder)))
        if not photos and part in ("", "train"):
            remedy = "add photos (JPEG, PNG, BMP or WebP), or remove the folder"
            raise DatasetError(f"the class {folder.name!r} has no photos", where=str(folder), remedy=remedy)
        samples += [Sample(path, folder.name, part) for path in photos]
    if not samples:
        what = "no class folders with photos here, and no annotated boxes"
        raise DatasetError(what + _strays(root), where=str(root), remedy=_REMEDY)
    return samples


def unknown_files(root: Path) -> list[str]:
    """Lists the files in a folder that may have been meant as annotations of boxes, and are in no format known."""
    names = sorted(path.name for path in root.iterdir() if path.suffix.lower() in _ANNOTATIONS and path.is_file())
    return [name for name in names if not name.startswith(".")]


def _strays(root: Path) -> str:
    loose = sum(is_photo(path) for path in root.iterdir())
    unknown = unknown_files(root)
    told = [f"{loose} photos lie loose"] if loose else []
    told += [f"of no known format of annotations: {', '.join(unknown[:3])}"] if unknown else []
    return f" ({'; '.join(told)})" if told else ""


def _check_parts(samples: list[Sample], root: Path) -> None:
    trained = {sample.label for sample in samples if sample.part == "train"}
    for part in ("val", "test"):
        unknown = {sample.label for sample in samples if sample.part == part} - trained
        if unknown:
            names = ", ".join(sorted(unknown))
            remedy = f"give train/ the same class folders as {part}/"
            raise DatasetError(f"{part}/ has classes that train/ lacks: {names}", where=str(root), remedy=remedy)


def _counts(path: Path) -> bool:
    """Whether a file below a class folder is one of its photos; copies that tools keep in hidden folders are not."""
    return is_photo(path) and not any(name.startswith(".") for name in path.parts)


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
