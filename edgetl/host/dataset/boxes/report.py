"""The report on a detection data set, as text for people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edgetl.host.dataset.boxes.coco_sizes import Size
from edgetl.host.dataset.report import (
    FEW,
    DataReport,
    closing_lines,
    duplicate_warnings,
    group_lines,
    unreadable_warning,
)
from edgetl.text import counted, listed, printable

_MOST_NAMED = 10
"""At most this many classes are named in a warning; the JSON has all."""


@dataclass(frozen=True, slots=True)
class BoxesReport(DataReport):
    """The result of checking a detection data set.

    Attributes:
        root: the data set's folder.
        task: always `detection`.
        format: the name of the annotation format.
        photos: the number of readable photos by part; the part is `all` without a split of its own.
        background: the number of photos without boxes by part.
        boxes: the number of boxes after cleaning.
        classes: the number of boxes by class and part.
        class_photos: the number of photos by class.
        difficult: the number of boxes marked difficult.
        crowd: the number of boxes marked as a crowd.
        tiny: the number of boxes with a side under 1 % of the photo's shorter side, or under 4 px.
        areas: the number of boxes by COCO's sizes small, medium and large.
        sides: the square root of a box's share of its photo's area, 0..1: 10th, 50th and 90th percentile.
        mended: the corrections of boxes and photos, each with the names of the corrected ones.
        unreadable: the photos that can't be read, each as `file: reason`.
        exact_duplicates: the photos with the same content, by group.
        near_duplicates: the photos that look the same, by group.
        leaks: the groups of duplicates that lie in different parts of the split.
        notes: sentences about files that were left out, and about the choice between two formats.
        warnings: sentences about what the user should check.
        problems: the reasons why the data set can't be trained on; empty if it can.
    """

    root: str
    task: Literal["detection"]
    format: str
    photos: dict[str, int]
    background: dict[str, int]
    boxes: int
    classes: dict[str, dict[str, int]]
    class_photos: dict[str, int]
    difficult: int
    crowd: int
    tiny: int
    areas: dict[Size, int]
    sides: dict[str, float]
    mended: dict[str, list[str]]
    unreadable: list[str]
    exact_duplicates: list[list[str]]
    near_duplicates: list[list[str]]
    leaks: list[list[str]]
    notes: list[str]
    warnings: list[str]
    problems: list[str]

    def headline(self) -> str:
        """Returns the format and the numbers of photos and boxes in one line."""
        return f"{self.root}: {self.format}, {_by_part(self.photos, 'photo')}, {counted(self.boxes, 'box', 'boxes')}"

    def table(self) -> tuple[list[str], list[list[object]]]:
        """Returns the number of boxes of each class and part, and of photos of each class, as a table."""
        heads = ["boxes" if part == "all" else f"boxes in {part}" for part in self.photos]
        rows: list[list[object]] = [
            [label, *(row.get(part, 0) for part in self.photos), self.class_photos[label]]
            for label, row in self.classes.items()
        ]
        return ["class", *heads, "photos"], rows

    def to_text(self) -> str:
        """Returns the report as text for people."""
        lines = [self.headline()]
        width = max(map(len, self.classes), default=0)
        for label, row in self.classes.items():
            photos = counted(self.class_photos[label], "photo")
            lines.append(f"  {label:<{width}}  {_by_part(row, 'box', 'boxes')} in {photos}")
        lines.append(f"without boxes (background): {_by_part(self.background, 'photo')}")
        lines.append(f"difficult: {self.difficult}, crowd: {self.crowd}, tiny: {self.tiny}")
        lines.append("areas: " + ", ".join(f"{name} {count}" for name, count in self.areas.items()))
        if self.sides:
            low, middle, high = (f"{value:.1%}" for value in self.sides.values())
            lines.append(f"sides: median {middle} of the photo's side; four of five boxes have {low} to {high}")
        lists = {
            **self.mended,
            "unreadable": self.unreadable,
            "same content": group_lines(self.exact_duplicates, " = "),
            "nearly the same": group_lines(self.near_duplicates, " ~ "),
        }
        return "\n".join(map(printable, lines + closing_lines(lists, self)))


def warnings_of(report: BoxesReport) -> list[str]:
    """Returns the warnings that follow from a report's figures."""
    once = [label for label, count in report.class_photos.items() if count == 1]
    few = [f"{label} ({count})" for label, count in report.class_photos.items() if 1 < count < FEW]
    tiny = counted(report.tiny, "tiny box", "tiny boxes")
    found = (
        (once, f"in one photo only, so never both trained and validated on: {listed(once, _MOST_NAMED)}"),
        (few, f"in few photos (under {FEW}): {listed(few, _MOST_NAMED)}"),
        (report.tiny, f"{tiny} (a side under 1 % of the photo's, or 4 px): few will be found"),
    )
    return [
        *report.notes,
        *(f"{title}: {len(rows)}" for title, rows in report.mended.items()),
        *unreadable_warning(report),
        *(text for condition, text in found if condition),
        *duplicate_warnings(report.exact_duplicates, report.near_duplicates, report.leaks),
    ]


def _by_part(row: Mapping[str, int], noun: str, plural: str = "") -> str:
    """Returns a count with its noun, and in parentheses the count of each part: `4 photos (train 3, val 1)`."""
    parts = ", ".join(f"{part} {count}" for part, count in row.items() if part != "all")
    return counted(sum(row.values()), noun, plural) + (f" ({parts})" if parts else "")
