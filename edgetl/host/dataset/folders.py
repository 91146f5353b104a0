"""Reads class folders: `DATA/CLASS/photo.jpg`, or `DATA/train/CLASS/…` beside `val/` and perhaps `test/`."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.host.dataset.layout import find_layout
from edgetl.host.dataset.list_files import (
    ARCHIVES,
    Files,
    files_below,
    left_out,
    loose_files,
    require_folder,
    some_names,
    subfolders,
)
from edgetl.host.dataset.split_parts import Part, exact_part
from edgetl.text import counted, label_problem, listed, printable

_REMEDY = (
    "give a folder that holds one folder of photos for each class, "
    "or photos whose boxes are annotated as Pascal VOC, COCO, YOLO or CSV"
)

_ANNOTATIONS = frozenset({".xml", ".json", ".csv", ".txt", ".yaml", ".yml", ".record", ".tfrecord"})
"""Suffixes of files that may be annotations of boxes, in lower case."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A labelled photo file.

    Attributes:
        path: the photo file.
        label: the name of its class.
        part: the part of the data set's own split; empty if it has none.
    """

    path: Path
    label: str
    part: Part


@dataclass(slots=True)
class FolderSet:
    """The photos of a data set of class folders.

    Attributes:
        samples: the photos, ordered by path within each part.
        notes: sentences about what was left out or assumed.
    """

    samples: list[Sample] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_folders(root: Path) -> FolderSet:
    """Lists the photos of a data set of class folders, and notes what is left out.

    Raises:
        DatasetError: the folder does not exist or has no class folders, a class has no photos or a name that can't be
            used, a part of the split lacks classes, or a folder may be either a class or a part.
    """
    require_folder(root, _REMEDY)
    layout = find_layout(root)
    found, files = FolderSet(notes=layout.notes), Files()
    spellings: dict[str, set[str]] = {}
    for place, part in layout.parts.items():
        for folder in subfolders(place):
            if folder not in layout.skipped and (samples := _class_samples(folder, part, files)):
                found.samples += samples
                spellings.setdefault(samples[0].label, set()).add(folder.name)
    if not found.samples:
        what = "no class folders with photos here, and no annotated boxes"
        raise DatasetError(what + _other_content(root), where=str(root), remedy=_REMEDY)
    _check_labels(spellings, root)
    _check_parts(found.samples, root)
    for folder, reason in layout.skipped.items():
        if count := len(files_below(folder).photos):
            found.notes.append(f"{counted(count, 'photo')} in {printable(folder.name)}/ left out: {reason}")
    found.notes += _loose(root, layout.parts, files)
    found.notes += [*left_out(files, root), *_similar_names(spellings), *_nested(found.samples, layout.parts)]
    return found


def _class_samples(folder: Path, part: Part, files: Files) -> list[Sample]:
    """Lists the photos of one class folder, and adds its other files to `files`."""
    below = files_below(folder)
    if not below.photos and part in ("", "train"):
        rest = "; ".join(left_out(below, folder))
        remedy = "add photos (JPEG, PNG, BMP, WebP or TIFF), or remove the folder"
        what = f"the class {folder.name!r} has no photos" + (f" ({rest})" if rest else "")
        raise DatasetError(what, where=str(folder), remedy=remedy)
    _require_no_split(folder, below.photos)
    files.add(Files([], below.pictures, below.others, below.special))
    label = unicodedata.normalize("NFC", folder.name)  # archives from a Mac write an umlaut as two characters
    return [Sample(path, label, part) for path in below.photos]


def _require_no_split(folder: Path, photos: Sequence[Path]) -> None:
    """Passes if no folder inside a class folder has the name of a part of a split."""
    inner = Counter(name for path in photos for name in path.relative_to(folder).parts[:-1] if exact_part(name))
    if inner:
        what = f"the folder {folder.name!r} holds a split of its own: {listed([printable(name) for name in inner])}"
        remedy = f"put the class folders into train/, val/ and test/; if {folder.name!r} is the data set, give it alone"
        raise DatasetError(what, where=str(folder), remedy=remedy)


def _check_parts(samples: Sequence[Sample], root: Path) -> None:
    trained = {sample.label for sample in samples if sample.part == "train"}
    for part in ("val", "test"):
        unknown = {sample.label for sample in samples if sample.part == part} - trained
        if trained and unknown:
            names = listed(sorted(map(printable, unknown)), 5)
            remedy = f"give train/ the same class folders as {part}/"
            raise DatasetError(f"{part}/ has classes that train/ lacks: {names}", where=str(root), remedy=remedy)


def _check_labels(labels: Iterable[str], root: Path) -> None:
    bad = [f"{label!r}: {problem}" for label in sorted(labels) if (problem := label_problem(label))]
    if bad:
        what = f"the names of class folders can't be used as class names: {listed(bad)}"
        raise DatasetError(what, where=str(root), remedy="rename the folders")


def _loose(root: Path, parts: dict[Path, Part], files: Files) -> list[str]:
    """Returns a note on the photos outside the class folders, and adds the other files there to `files`."""
    photos: list[Path] = []
    for folder in dict.fromkeys([root, *parts]):
        found = loose_files(folder)
        photos += found.photos
        files.add(Files([], found.pictures, [], found.special))
    if not photos:
        return []
    return [f"{counted(len(photos), 'photo')} outside the class folders, left out: {some_names(photos, root)}"]


def _similar_names(spellings: dict[str, set[str]]) -> list[str]:
    """Returns notes on classes whose folders are spelt in two ways, and on names that differ only by case.

    Args:
        spellings: the names of the folders of each class.
    """
    notes = [
        f"the folders of the class {label!r} are spelt with different Unicode characters and count as one class"
        for label, names in sorted(spellings.items())
        if len(names) > 1
    ]
    by_folded: dict[str, list[str]] = {}
    for label in sorted(spellings):
        by_folded.setdefault(label.casefold(), []).append(label)
    groups = [group for group in by_folded.values() if len(group) > 1]
    return notes + [f"the classes {' and '.join(map(repr, group))} differ only by case" for group in groups]


def _nested(samples: Sequence[Sample], parts: dict[Path, Part]) -> list[str]:
    """Returns a note on folders inside class folders, which the user may have meant as the classes."""
    depth = {folder: len(folder.parts) for folder in parts}
    inner: Counter[str] = Counter()
    for sample in samples:
        base = next(folder for folder in sample.path.parents if folder in depth)
        if len(sample.path.parts) > depth[base] + 2:
            inner[sample.path.parts[depth[base] + 1]] += 1
    if not inner:
        return []
    names = listed([printable(name) for name, _ in inner.most_common(3)], total=len(inner))
    return [f"{counted(inner.total(), 'photo')} in folders inside a class folder, used for that class: {names}"]


def unknown_files(root: Path) -> list[str]:
    """Returns the names of the files in a folder that may be annotations of boxes in an unknown format."""
    return [printable(path.name) for path in loose_files(root).others if path.suffix.lower() in _ANNOTATIONS]


def _other_content(root: Path) -> str:
    """Returns what else a folder without class folders holds, in parentheses; empty if nothing."""
    loose, unknown = loose_files(root), unknown_files(root)
    found = [f"{counted(len(loose.photos), 'photo')} outside any class folder"] if loose.photos else []
    found += [f"in no known annotation format: {listed(unknown)}"] if unknown else []
    packed = [printable(path.name) for path in loose.others if path.suffix.lower() in ARCHIVES]
    found += [f"archives, which must be unpacked first: {listed(packed)}"] if packed else []
    found += left_out(Files([], loose.pictures, [], loose.special), root)
    return f" ({'; '.join(found)})" if found else ""
