"""What is in a detection data set and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgetl.host.dataset.boxes import TITLES, Box, BoxedPhoto, BoxedSet, read_boxed
from edgetl.host.dataset.boxes.annotation_text import listed
from edgetl.host.dataset.boxes.mend import Mended, mend
from edgetl.host.dataset.boxes.report import NO_TRAIN, ONE_PHOTO, BoxesReport, warnings_of
from edgetl.host.dataset.duplicates import exact_groups, near_groups
from edgetl.host.dataset.photos import Record, inspect

__all__ = ["BoxesReport", "Checked", "check_boxes", "report_boxes"]

_TINY_SHARE = 0.01
_TINY_PX = 4.0
_LARGE_PX, _SURE = 200, 10
"""Shorter side of a photo, and count of boxes, from which boxes within the first 100 px are no matter of chance."""
_SMALL, _MEDIUM = 32.0**2, 96.0**2
"""COCO's bounds between small, medium and large boxes, px²."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A detection set, checked.

    Attributes:
        photos: N that open, with clean boxes in px of the upright photo and its size.
        records: N, what is known of each.
        report: what `edgetl data check` says.
    """

    photos: list[BoxedPhoto]
    records: list[Record]
    report: BoxesReport


def check_boxes(root: Path) -> Checked:
    """Reads a detection set and every photo of it once, cleans its boxes and reports on it.

    Raises:
        DatasetError: there is nothing to check; see `read_boxed`.
    """
    found = read_boxed(root)
    return report_boxes(root, found, inspect(root, [photo.path for photo in found.photos]))


def report_boxes(root: Path, found: BoxedSet, records: Sequence[Record]) -> Checked:
    """Cleans a detection set's boxes and makes the report, from what is known of each photo.

    Args:
        root: the data set's folder.
        found: N photos, as `read_boxed` gives them.
        records: N, as `edgetl.host.dataset.photos.inspect` gives them.
    """
    mended = mend(root, found.photos, records, shares=found.format == "yolo")
    return Checked(mended.photos, mended.records, _report(root, found, mended))


def _report(root: Path, found: BoxedSet, mended: Mended) -> BoxesReport:
    names = [photo.path.relative_to(root).as_posix() for photo in mended.photos]
    exact = exact_groups(mended.records)
    near = near_groups(mended.records)
    same = [*exact, *near]
    parts = [photo.part for photo in mended.photos]
    leaks = [group for group in same if len({parts[i] for i in group}) > 1]
    boxes = [box for photo in mended.photos for box in photo.boxes]
    classes = _classes(mended.photos)
    report = BoxesReport(
        root=str(root),
        task="detection",
        format=TITLES[found.format],
        photos=_by_part(mended.photos),
        background=_by_part([photo for photo in mended.photos if not photo.boxes]),
        boxes=len(boxes),
        classes=classes,
        class_photos=_class_photos(mended.photos),
        difficult=sum(box.difficult for box in boxes),
        crowd=sum(box.crowd for box in boxes),
        tiny=sum(_is_tiny(box, photo) for photo in mended.photos for box in photo.boxes),
        areas=_areas(boxes),
        sides=_sides(mended.photos),
        mended=_deeds(mended),
        unreadable=mended.unreadable,
        exact_duplicates=[[names[i] for i in group] for group in exact],
        near_duplicates=[[names[i] for i in group] for group in near],
        leaks=[[names[i] for i in group] for group in leaks],
        notes=found.notes,
        warnings=[*_never_trained(boxes), *_maybe_percent(mended.photos)],
        problems=_problems(found, mended, classes),
    )
    report.warnings[:0] = warnings_of(report)
    return report


def _never_trained(boxes: Sequence[Box]) -> list[str]:
    """A warning of the classes that a detector won't know."""
    labels = {box.label for box in boxes} - {box.label for box in boxes if not box.ignored}
    return [f"only as difficult or crowds, so not trained: {', '.join(sorted(labels))}"] if labels else []


def _maybe_percent(photos: Sequence[BoxedPhoto]) -> list[str]:
    """A warning if no box reaches beyond 100 px in photos that are all much larger."""
    ends = [max(box.xyxy) for photo in photos for box in photo.boxes]
    small = any(min(photo.size_wh or (0, 0)) < _LARGE_PX for photo in photos)
    if small or len(ends) < _SURE or max(ends) > 100:
        return []
    return ["no box reaches beyond 100 px: are the coordinates percent of the photo? Look at --sheet whether they fit"]


def _by_part(photos: Sequence[BoxedPhoto]) -> dict[str, int]:
    return _ordered(Counter(photo.part or "all" for photo in photos))


def _ordered(counts: Counter[str]) -> dict[str, int]:
    return {part: counts[part] for part in ("train", "val", "test", "all") if counts[part]}


def _classes(photos: Sequence[BoxedPhoto]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    for photo in photos:
        for box in photo.boxes:
            counts.setdefault(box.label, Counter())[photo.part or "all"] += 1
    return {label: _ordered(counts[label]) for label in sorted(counts)}


def _class_photos(photos: Sequence[BoxedPhoto]) -> dict[str, int]:
    counts = Counter(label for photo in photos for label in {box.label for box in photo.boxes})
    return {label: counts[label] for label in sorted(counts)}


def _is_tiny(box: Box, photo: BoxedPhoto) -> bool:
    x1, y1, x2, y2 = box.xyxy
    return min(x2 - x1, y2 - y1) < max(_TINY_PX, _TINY_SHARE * min(photo.size_wh or (0, 0)))


def _area(box: Box) -> float:
    x1, y1, x2, y2 = box.xyxy
    return (x2 - x1) * (y2 - y1)


def _areas(boxes: Sequence[Box]) -> dict[str, int]:
    areas = np.array([_area(box) for box in boxes])
    small, large = int((areas < _SMALL).sum()), int((areas >= _MEDIUM).sum())
    return {"small": small, "medium": len(areas) - small - large, "large": large}


def _sides(photos: Sequence[BoxedPhoto]) -> dict[str, float]:
    shares = [_area(box) / (p.size_wh[0] * p.size_wh[1]) for p in photos if p.size_wh for box in p.boxes]
    if not shares:
        return {}
    values = np.sqrt(np.percentile(shares, (10, 50, 90)))
    return {key: round(float(value), 4) for key, value in zip(("p10", "p50", "p90"), values, strict=True)}


def _deeds(mended: Mended) -> dict[str, list[str]]:
    deeds = {
        "boxes without area, dropped": mended.no_area,
        "boxes outside their photo, dropped": mended.outside,
        "boxes that stick out of their photo, clipped": mended.clipped,
        "boxes given twice, dropped": mended.repeated,
        "photos whose boxes were turned with them, as their EXIF says": mended.turned,
        "photos annotated at another size, boxes rescaled": mended.rescaled,
        "photos of another shape than annotated: look at --sheet whether their boxes fit": mended.stretched,
        "photos that lie against their annotation and don't say which way, left out": mended.turned_against,
        "photos that their EXIF turns, their boxes perhaps not: look at --sheet whether they fit": mended.unclear,
    }
    return {what: rows for what, rows in deeds.items() if rows}


def _problems(found: BoxedSet, mended: Mended, classes: dict[str, dict[str, int]]) -> list[str]:
    problems = []
    if not mended.photos:
        problems.append(f"none of the {len(found.photos)} photos opens: {listed(mended.unreadable, 1)}")
    elif not classes:
        problems.append("no box is left")
    elif all(box.ignored for photo in mended.photos for box in photo.boxes):
        problems.append("every box is marked difficult or a crowd, and such are not trained on")
    # The names come from the annotations as they are: a class whose boxes were all dropped is still misspelt.
    alike: dict[str, set[str]] = {}
    for label in {box.label for photo in found.photos for box in photo.boxes}:
        alike.setdefault("".join(label.split()).casefold(), set()).add(label)
    groups = [sorted(group) for group in alike.values() if len(group) > 1]
    problems += [
        f"the classes {' and '.join(map(repr, group))} differ only by case or spaces" for group in sorted(groups)
    ]
    parts = {photo.part for photo in mended.photos}
    if parts - {""} and "train" not in parts:
        problems.append(NO_TRAIN)
    else:
        wanted = [replace(p, boxes=tuple(box for box in p.boxes if not box.ignored)) for p in mended.photos]
        problems += _unknown(_classes(wanted))
        if not problems and sum(bool(p.boxes) for p in wanted if p.part != "test") < 2:
            problems.append(ONE_PHOTO)
    return problems


def _unknown(classes: dict[str, dict[str, int]]) -> list[str]:
    """Names the classes of val/ and test/ that a training would never see."""
    problems = []
    for part in ("val", "test"):
        names = [label for label, row in classes.items() if row.get(part) and not row.get("train")]
        if names:
            problems.append(f"{part}/ has classes that train/ lacks: {', '.join(names)}")
    return problems
