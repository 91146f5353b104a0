"""Converts a detection data set to another annotation format: what `edgetl data convert` does."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgetl.errors import UsageError
from edgetl.folders import new_folder
from edgetl.host.dataset.boxes.boxed_photo import BoxedPhoto
from edgetl.host.dataset.boxes.check import check_boxes
from edgetl.host.dataset.boxes.formats import TITLES, Format, module_of
from edgetl.host.dataset.boxes.tree import same_name
from edgetl.text import counted, listed, printable

_EXPRESSES: dict[Format, frozenset[str]] = {
    "voc": frozenset({"difficult", "background"}),
    "coco": frozenset({"crowd", "background"}),
    "yolo": frozenset({"background"}),
    "csv": frozenset(),
}
"""The properties that a format can express besides parts, classes and boxes."""


@dataclass(frozen=True, slots=True)
class Reformatted:
    """The result of a conversion.

    Attributes:
        photos: the number of photos written.
        boxes: the number of boxes written.
        lost: sentences about what was left out or can't be expressed in the new format; empty if nothing was lost.
    """

    photos: int
    boxes: int
    lost: list[str]


def reformat(source: Path, target: Path, format_: Format) -> Reformatted:
    """Copies a detection data set in another format; the new folder appears whole or not at all.

    The boxes are the clean ones of `edgetl data check`: upright, clipped, each once.

    Args:
        source: the folder of a detection data set in any format.
        target: the new folder, outside `source`; it must not exist yet.
        format_: the format to write.

    Raises:
        UsageError: `target` exists, or lies inside `source`.
        DatasetError: `source` can't be read or is unusable.
        EdgetlError: `target` can't be written.
    """
    if target.exists() or target.is_symlink():
        raise UsageError("the target exists already", where=str(target), remedy="choose a folder that doesn't exist")
    if target.resolve().is_relative_to(source.resolve()):
        raise UsageError("the copy would lie inside the data set", where=str(target), remedy="choose another place")
    checked = check_boxes(source)
    if not checked.convertible:
        checked.report.require_usable()
    photos = checked.photos
    if "background" not in _EXPRESSES[format_]:
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
    lost = [*report.notes, *(f"{kind}: {len(names)}" for kind, names in report.mended.items())]
    if report.unreadable:
        lost.append(f"{counted(len(report.unreadable), 'unreadable file')} left out: {listed(report.unreadable)}")
    lost += _inexpressible(checked.photos, format_)
    return Reformatted(len(photos), sum(len(photo.boxes) for photo in photos), lost)


def fresh_names(photos: Sequence[BoxedPhoto]) -> list[str]:
    """Returns a file name for each photo: its own, with a number if another name differs only in case or suffix.

    Pascal VOC and YOLO identify a photo by its stem alone, and some file systems ignore case. A character that a text
    file can't represent, such as a line break, becomes an underscore.
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
    """Returns the stem of a file without backslashes, control characters, a leading dot and blanks around it."""
    plain = "".join("_" if c == "\\" or printable(c) != c else c for c in stem.strip())
    return re.sub(r"^[.\s]+|\s+$", "_", plain) or "_"


def _inexpressible(photos: Sequence[BoxedPhoto], format_: Format) -> list[str]:
    boxes = [box for photo in photos for box in photo.boxes]
    counts = (
        ("difficult", sum(box.difficult for box in boxes), "boxes no longer marked difficult"),
        ("crowd", sum(box.crowd for box in boxes), "boxes no longer marked as a crowd"),
        ("background", sum(not photo.boxes for photo in photos), "photos without boxes, left out"),
    )
    return [
        f"{title}, because {TITLES[format_]} can't express it: {count}"
        for key, count, title in counts
        if count and key not in _EXPRESSES[format_]
    ]
