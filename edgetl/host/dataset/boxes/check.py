"""Checks a detection data set: counts and cleans its boxes, finds duplicates, and names what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgetl.host.dataset.boxes.boxed_photo import Box, BoxedPhoto
from edgetl.host.dataset.boxes.coco_sizes import count_sizes
from edgetl.host.dataset.boxes.formats import TITLES
from edgetl.host.dataset.boxes.mend import Mended, mend
from edgetl.host.dataset.boxes.read import BoxedSet, read_boxed
from edgetl.host.dataset.boxes.report import BoxesReport, warnings_of
from edgetl.host.dataset.duplicates import exact_groups, near_groups
from edgetl.host.dataset.photos import Record, read_records
from edgetl.text import counted, listed

_TINY_SHARE = 0.01
"""A box with a side below this share of the photo's shorter side (0..1) is tiny: a detector seldom finds it."""

_TINY_PX = 4.0
"""A box with a side below this is tiny in any photo, px."""

_LARGE_PX = 200
"""A photo is large if its shorter side has at least this many px: boxes then seldom end within 100 px."""

_MOST_PERCENT = 100.0
"""No coordinate in percent is larger; if no box of a large photo ends farther out, the user is warned."""

_LEAST_BOXES = 10
"""A warning needs at least this many boxes; of fewer boxes, all may lie within 100 px by chance."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A checked detection data set.

    Attributes:
        photos: the N readable photos, with clean boxes in px of the upright photo and its size.
        records: the N records of these photos.
        report: the result of `edgetl data check`.
        convertible: whether the data set can be converted to another format; a set without training photos can.
    """

    photos: list[BoxedPhoto]
    records: list[Record]
    report: BoxesReport
    convertible: bool


def check_boxes(root: Path) -> Checked:
    """Reads the annotations and every photo of a detection data set once, cleans its boxes and reports on it.

    Raises:
        DatasetError: there is nothing to check; see `read_boxed`.
    """
    found = read_boxed(root)
    return report_boxes(root, found, read_records(root, [photo.path for photo in found.photos]))


def report_boxes(root: Path, found: BoxedSet, records: Sequence[Record]) -> Checked:
    """Cleans the boxes of a detection data set and makes the report from the records of its photos.

    Args:
        root: the data set's folder.
        found: the data set with its N photos.
        records: the N records of these photos.
    """
    mended = mend(root, found.photos, records, shares=found.format == "yolo")
    content = _content_problems(found, mended)
    report = _report(root, found, mended, [*content, *_training_problems(mended, content)])
    return Checked(mended.photos, mended.records, report, convertible=not content)


def _report(root: Path, found: BoxedSet, mended: Mended, problems: list[str]) -> BoxesReport:
    names = [photo.path.relative_to(root).as_posix() for photo in mended.photos]
    exact = exact_groups(mended.records)
    near = near_groups(mended.records)
    parts = [photo.part for photo in mended.photos]
    leaks = [group for group in (*exact, *near) if len({parts[i] for i in group}) > 1]
    boxes = [box for photo in mended.photos for box in photo.boxes]
    report = BoxesReport(
        root=str(root),
        task="detection",
        format=TITLES[found.format],
        photos=_by_part(mended.photos),
        background=_by_part([photo for photo in mended.photos if not photo.boxes]),
        boxes=len(boxes),
        classes=_classes(mended.photos),
        class_photos=_class_photos(mended.photos),
        difficult=sum(box.difficult for box in boxes),
        crowd=sum(box.crowd for box in boxes),
        tiny=sum(_is_tiny(box, photo) for photo in mended.photos for box in photo.boxes),
        areas=count_sizes(np.array([box.area for box in boxes])),
        sides=_sides(mended.photos),
        mended=mended.corrections(),
        unreadable=mended.unreadable,
        exact_duplicates=[[names[i] for i in group] for group in exact],
        near_duplicates=[[names[i] for i in group] for group in near],
        leaks=[[names[i] for i in group] for group in leaks],
        notes=found.notes,
        warnings=[*_never_trained(boxes), *_maybe_percent(mended.photos)],
        problems=problems,
    )
    report.warnings[:0] = warnings_of(report)
    return report


def _never_trained(boxes: Sequence[Box]) -> list[str]:
    """Returns a warning about classes that a detector will never learn."""
    labels = {box.label for box in boxes} - {box.label for box in boxes if not box.ignored}
    names = ", ".join(sorted(labels))
    return [f"classes with difficult boxes or crowds only, which are not trained: {names}"] if labels else []


def _maybe_percent(photos: Sequence[BoxedPhoto]) -> list[str]:
    """Returns a warning if no box reaches beyond 100 px in photos that are all much larger."""
    ends = [max(box.xyxy) for photo in photos for box in photo.boxes]
    small = any(min(photo.size_wh or (0, 0)) < _LARGE_PX for photo in photos)
    if small or len(ends) < _LEAST_BOXES or max(ends) > _MOST_PERCENT:
        return []
    return [
        "no box reaches beyond 100 px: the coordinates may be percent of the photo; "
        "check with --sheet whether the boxes fit"
    ]


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
    return min(box.size_wh) < max(_TINY_PX, _TINY_SHARE * min(photo.size_wh or (0, 0)))


def _sides(photos: Sequence[BoxedPhoto]) -> dict[str, float]:
    shares = [box.area / (p.size_wh[0] * p.size_wh[1]) for p in photos if p.size_wh for box in p.boxes]
    if not shares:
        return {}
    values = np.sqrt(np.percentile(shares, (10, 50, 90)))
    return {key: round(float(value), 4) for key, value in zip(("p10", "p50", "p90"), values, strict=True)}


def _content_problems(found: BoxedSet, mended: Mended) -> list[str]:
    """Returns the problems that make a data set useless for any purpose."""
    boxes = [box for photo in mended.photos for box in photo.boxes]
    problems = []
    if not mended.photos:
        count = counted(len(found.photos), "photo")
        problems.append(f"none of the photos can be read ({count}): {listed(mended.unreadable, 1)}")
    elif not boxes:
        problems.append("no box is left after cleaning")
    elif all(box.ignored for box in boxes):
        problems.append("every box is marked difficult or a crowd, and such boxes are not trained on")
    return [*problems, *_similar_names(found), *_untrained_classes(mended)]


def _similar_names(found: BoxedSet) -> list[str]:
    """Returns a problem for each group of classes whose annotated names differ only by case or spaces."""
    groups: dict[str, set[str]] = {}
    for label in {box.label for photo in found.photos for box in photo.boxes}:
        groups.setdefault("".join(label.split()).casefold(), set()).add(label)
    similar = sorted(sorted(group) for group in groups.values() if len(group) > 1)
    return [f"the classes {' and '.join(map(repr, group))} differ only by case or spaces" for group in similar]


def _trained(mended: Mended) -> list[BoxedPhoto]:
    """Returns the photos with the boxes that count in training."""
    return [replace(p, boxes=tuple(box for box in p.boxes if not box.ignored)) for p in mended.photos]


def _untrained_classes(mended: Mended) -> list[str]:
    """Returns a problem for val/ and test/ if they have classes that a training would never see."""
    if _lacks_train(mended):
        return []
    classes, problems = _classes(_trained(mended)), []
    for part in ("val", "test"):
        names = [label for label, row in classes.items() if row.get(part) and not row.get("train")]
        if names:
            problems.append(f"{part}/ has classes that train/ lacks: {', '.join(names)}")
    return problems


def _lacks_train(mended: Mended) -> bool:
    parts = {photo.part for photo in mended.photos}
    return bool(parts - {""}) and "train" not in parts


def _training_problems(mended: Mended, content: Sequence[str]) -> list[str]:
    """Returns the problems of a training alone; such a data set can be converted, as COCO's val2017 often is.

    Args:
        mended: the cleaned data set.
        content: the problems of its content; they explain why few boxes are left.
    """
    if _lacks_train(mended):
        return ["no photo is in train/"]
    if not content and sum(bool(p.boxes) for p in _trained(mended) if p.part != "test") < 2:
        return ["only one photo with boxes; one to train on and one to validate on are needed"]
    return []
