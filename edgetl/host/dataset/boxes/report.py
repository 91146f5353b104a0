"""The report on a detection data set, in words and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from edgetl.host.dataset.check import FEW, require_none
from edgetl.host.dataset.report_text import findings, grouped
from edgetl.text import listed, printable

ONE_PHOTO = "only one photo with boxes; one to train on and one to validate on are needed"
NO_TRAIN = "no photo is in train/"
ONLY_OF_TRAINING = frozenset({ONE_PHOTO, NO_TRAIN})
"""Problems of a training alone: such a set can be converted, as COCO's val2017 often is."""


@dataclass(frozen=True, slots=True)
class BoxesReport:
    """A detection set's check.

    Attributes:
        root: the folder.
        task: always `detection`.
        format: of the annotations.
        photos: that open, by part (`all` where there is no split of its own).
        background: those of them without boxes, by part.
        boxes: that are kept.
        classes: boxes by class and part.
        class_photos: photos by class.
        difficult: boxes marked so.
        crowd: boxes marked so.
        tiny: boxes with a side under 1 % of the photo's shorter side, or under 4 px.
        areas: boxes by COCO's small (under 32² px), medium and large (from 96² px).
        sides: the root of a box's share of its photo's area, 0..1: 10th, 50th and 90th percentile.
        mended: what was done to boxes and photos, each with the names.
        unreadable: `file: what is wrong`.
        exact_duplicates: photos with the same content, by group.
        near_duplicates: photos that look the same, by group.
        leaks: the groups among these that lie in different parts of the split.
        notes: what the files themselves led to: what was left out, which of two formats was read.
        warnings: what to look at.
        problems: why it can't be trained on; empty where it can.
    """

    root: str
    task: str
    format: str
    photos: dict[str, int]
    background: dict[str, int]
    boxes: int
    classes: dict[str, dict[str, int]]
    class_photos: dict[str, int]
    difficult: int
    crowd: int
    tiny: int
    areas: dict[str, int]
    sides: dict[str, float]
    mended: dict[str, list[str]]
    unreadable: list[str]
    exact_duplicates: list[list[str]]
    near_duplicates: list[list[str]]
    leaks: list[list[str]]
    notes: list[str]
    warnings: list[str]
    problems: list[str]

    def to_dict(self) -> dict[str, object]:
        """Returns JSON-ready values."""
        return asdict(self)

    def require_usable(self) -> None:
        """Raises a DatasetError where there are problems."""
        require_none(self.problems, self.root)


def warnings_of(report: BoxesReport) -> list[str]:
    """Returns what to look at."""
    once = [label for label, count in report.class_photos.items() if count == 1]
    few = [f"{label} ({count})" for label, count in report.class_photos.items() if 1 < count < FEW]
    exact, near = len(report.exact_duplicates), len(report.near_duplicates)
    found = (
        (report.unreadable, f"{len(report.unreadable)} files don't open and are left out"),
        (once, f"in one photo only, so never both trained and validated on: {listed(once, 10)}"),
        (few, f"in few photos (under {FEW}): {listed(few, 10)}"),
        (report.tiny, f"{report.tiny} boxes are tiny (a side under 1 % of the photo's, or 4 px): few will be found"),
        (exact, f"{exact} groups of photos have the same content"),
        (near, f"{near} groups of photos look nearly the same"),
        (report.leaks, f"{len(report.leaks)} of them lie in different parts of the split: its figures are too good"),
    )
    return [
        *report.notes,
        *(f"{len(rows)} {what}" for what, rows in report.mended.items()),
        *(text for condition, text in found if condition),
    ]


def describe_boxes(report: BoxesReport) -> str:
    """Returns the report as text for people."""
    lines = [f"{report.root}: {report.format}, {_counts(report.photos)} photos, {report.boxes} boxes"]
    width = max(map(len, report.classes), default=0)
    for label, row in report.classes.items():
        lines.append(f"  {label:<{width}}  {_counts(row)} boxes in {report.class_photos[label]} photos")
    lines.append(f"without boxes (background): {_counts(report.background) or '0'} photos")
    lines.append(f"difficult: {report.difficult}, crowd: {report.crowd}, tiny: {report.tiny}")
    lines.append("areas: " + ", ".join(f"{name} {count}" for name, count in report.areas.items()))
    if report.sides:
        low, middle, high = (f"{value:.1%}" for value in report.sides.values())
        lines.append(f"sides: {middle} of the picture's at the median, {low} to {high} for four of five boxes")
    lists = {
        **report.mended,
        "unreadable": report.unreadable,
        "same content": grouped(report.exact_duplicates, " = "),
        "nearly the same": grouped(report.near_duplicates, " ~ "),
    }
    return "\n".join(map(printable, lines + findings(lists, report.warnings, report.problems)))


def _counts(row: dict[str, int]) -> str:
    return ", ".join(str(count) if part == "all" else f"{part} {count}" for part, count in row.items())
