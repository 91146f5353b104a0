"""A detection data set from one annotation format to another."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgetl.errors import UsageError
from edgetl.files import new_folder
from edgetl.host.dataset.boxes import TITLES, BoxedPhoto, Format, module_of
from edgetl.host.dataset.boxes.annotation_text import listed
from edgetl.host.dataset.boxes.check import check_boxes
from edgetl.host.dataset.boxes.report import ONLY_OF_TRAINING
from edgetl.host.dataset.boxes.tree import same_name
from edgetl.text import printable

_KEEPS: dict[Format, frozenset[str]] = {
    "voc": frozenset({"difficult", "background"}),
    "coco": frozenset({"crowd", "background"}),
    "yolo": frozenset({"background"}),
    "csv": frozenset(),
}
"""What a format can say besides parts, classes and boxes."""


@dataclass(frozen=True, slots=True)
class Reformatted:
    """What a conversion came to.

    Attributes:
        photos: written.
        boxes: written.
        lost: what was left out or can't be said in the new format; empty where nothing was.
    """

    photos: int
    boxes: int
    lost: list[str]


def reformat(source: Path, target: Path, format_: Format) -> Reformatted:
    """Writes a detection set anew, its photos copied; the folder appears whole or not at all.

    The boxes are those that `edgetl data check` finds clean: upright, clipped, each once.

    Args:
        source: a detection set in any format.
        target: a folder that doesn't exist yet, outside `source`.
        format_: to write.

    Raises:
        UsageError: `target` exists, or lies inside `source`.
        DatasetError: `source` can't be read or is unusable.
        EdgetlError: `target` can't be written.
    """
    if target.exists() or target.is_symlink():
        raise UsageError("there is something already", where=str(target), remedy="choose a folder that doesn't exist")
    if target.resolve().is_relative_to(source.resolve()):
        raise UsageError("the copy would lie inside the data set", where=str(target), remedy="choose another place")
    checked = check_boxes(source)
    if not ONLY_OF_TRAINING.issuperset(checked.report.problems):
        checked.report.require_usable()
    photos = checked.photos
    if "background" not in _KEEPS[format_]:
        photos = [photo for photo in photos if photo.boxes]
    module = module_of(format_)
    with new_folder(target) as folder:
        placed = []
        for photo, name in zip(photos, fresh_names(photos), strict=True):
            path = folder / module.place(photo.part, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(photo.path, path)
            placed.append(replace(photo, path=path))
        module.write(folder, placed)
    report = checked.report
    lost = [*report.notes, *(f"{len(rows)} {what}" for what, rows in report.mended.items())]
    if report.unreadable:
        lost.append(f"{len(report.unreadable)} files don't open and are left out: {listed(report.unreadable)}")
    lost += _unsaid(checked.photos, format_)
    return Reformatted(len(photos), sum(len(photo.boxes) for photo in photos), lost)


def fresh_names(photos: Sequence[BoxedPhoto]) -> list[str]:
    """Returns a file name for each photo: its own, numbered where another has the same but for case and suffix.

    Pascal VOC and YOLO know a photo by its stem alone, and some file systems don't tell cases apart. What a text file
    can't give back, such as a line break, becomes an underscore.
    """
    stems = [_plain(photo.path.stem) for photo in photos]
    taken = set(map(same_name, stems))
    used: set[str] = set()
    names = []
    for photo, own in zip(photos, stems, strict=True):
        stem, count = own, 2
        while same_name(stem) in used or (stem != own and same_name(stem) in taken):
            stem, count = f"{own}_{count}", count + 1
        used.add(same_name(stem))
        names.append(stem + photo.path.suffix)
    return names


def _plain(stem: str) -> str:
    """A file's stem without a backslash, control characters, a leading dot, and blanks around it."""
    plain = "".join("_" if c == "\\" or printable(c) != c else c for c in stem.strip())
    return re.sub(r"^[.\s]+|\s+$", "_", plain) or "_"


def _unsaid(photos: Sequence[BoxedPhoto], format_: Format) -> list[str]:
    boxes = [box for photo in photos for box in photo.boxes]
    counts = (
        ("difficult", sum(box.difficult for box in boxes), "boxes are no longer marked difficult"),
        ("crowd", sum(box.crowd for box in boxes), "boxes are no longer marked as a crowd"),
        ("background", sum(not photo.boxes for photo in photos), "photos without boxes are left out"),
    )
    keeps = _KEEPS[format_]
    return [
        f"{count} {what}: {TITLES[format_]} can't say it" for key, count, what in counts if count and key not in keeps
    ]
