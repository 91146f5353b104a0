"""Checks class folders: how many photos each class has, which are duplicates, and what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgetl.host.dataset.duplicates import exact_groups, near_groups
from edgetl.host.dataset.folders import FolderSet, Sample, read_folders, unknown_files
from edgetl.host.dataset.list_files import loose_files, subfolders
from edgetl.host.dataset.mask_folders import mask_problems
from edgetl.host.dataset.photos import Record, read_records
from edgetl.host.dataset.report import (
    FEW,
    MOST_SHOWN,
    DataReport,
    closing_lines,
    duplicate_warnings,
    group_lines,
    unreadable_warning,
)
from edgetl.text import counted, listed, printable

_MOST_CLASSES = 50
"""At most this many classes get a line of their own in the text for people; the JSON has all."""

_IMBALANCE = 10.0
"""If the largest class has more than this many times the photos of the smallest, the user is warned."""

_SHARED_PHOTOS = 0.5
"""If two classes share at least this part of the smaller one's photos (0..1), they are one class with two names."""


@dataclass(frozen=True, slots=True)
class FolderReport(DataReport):
    """The result of checking class folders.

    Attributes:
        root: the data set's folder.
        photos: the number of photos that can be read.
        classes: the number of readable photos by class and part; the part is `all` without a split of its own.
        sizes: the size of the smallest, the median and the largest photo by area, each as `WxH` in px.
        unreadable: the photos that can't be read, each as `file: reason`.
        exact_duplicates: the photos with the same content, by group.
        near_duplicates: the photos that look the same, by group.
        conflicts: the groups of duplicates that lie in different classes.
        leaks: the groups of duplicates that lie in different parts of the data set's own split.
        imbalance: the number of photos in the largest class divided by that in the smallest.
        warnings: sentences about what the user should check.
        problems: the reasons why the data set can't be trained on; empty if it can.
    """

    root: str
    photos: int
    classes: dict[str, dict[str, int]]
    sizes: dict[str, str]
    unreadable: list[str]
    exact_duplicates: list[list[str]]
    near_duplicates: list[list[str]]
    conflicts: list[list[str]]
    leaks: list[list[str]]
    imbalance: float
    warnings: list[str]
    problems: list[str]

    def headline(self) -> str:
        """Returns the numbers of photos and classes in one line."""
        classes = counted(len(self.classes), "class", "classes")
        return f"{self.root}: {counted(self.photos, 'photo')}, {classes}"

    def table(self) -> tuple[list[str], list[list[object]]]:
        """Returns the number of photos of each class and part as a table."""
        parts = list(dict.fromkeys(part for row in self.classes.values() for part in row))
        heads = ["photos" if part == "all" else part for part in parts]
        return ["class", *heads], [
            [label, *(row.get(part, 0) for part in parts)] for label, row in self.classes.items()
        ]

    def to_text(self) -> str:
        """Returns the report as text for people."""
        lines = [self.headline()]
        width = max(map(len, self.classes))
        for label, row in list(self.classes.items())[:_MOST_CLASSES]:
            parts = ", ".join(f"{part} {count}" if part != "all" else str(count) for part, count in row.items())
            lines.append(f"  {label:<{width}}  {parts or 'no readable photo'}")
        if len(self.classes) > _MOST_CLASSES:
            lines.append(f"  … and {len(self.classes) - _MOST_CLASSES} more classes")
        if self.sizes:
            lines.append("sizes: " + ", ".join(f"{key} {size}" for key, size in self.sizes.items()))
        lists = {
            "unreadable": self.unreadable,
            "same content": group_lines(self.exact_duplicates, " = "),
            "nearly the same": group_lines(self.near_duplicates, " ~ "),
        }
        return "\n".join(lines + closing_lines(lists, self))


def check_folders(root: Path) -> FolderReport:
    """Reads every photo of class folders once and reports on the data set.

    Raises:
        DatasetError: there is nothing to check: no such folder, no classes, or a class without photos.
    """
    found = read_folders(root)
    return report_folders(root, found, read_records(root, [sample.path for sample in found.samples]))


def report_folders(root: Path, found: FolderSet, records: Sequence[Record]) -> FolderReport:
    """Makes the report of class folders from the records of their photos.

    Args:
        root: the data set's folder.
        found: its N photos.
        records: the N records of these photos.
    """
    samples = found.samples
    names = [str(sample.path.relative_to(root)) for sample in samples]
    readable = [i for i, record in enumerate(records) if not record.error]
    classes: dict[str, dict[str, int]] = {sample.label: {} for sample in samples}
    for i in readable:
        row = classes[samples[i].label]
        row[samples[i].part or "all"] = row.get(samples[i].part or "all", 0) + 1
    exact, near = exact_groups(records), near_groups(records)
    duplicates = [*exact, *near]
    conflicts = [group for group in duplicates if len({samples[i].label for i in group}) > 1]
    leaks = [group for group in duplicates if len({samples[i].part for i in group}) > 1]
    totals = {label: sum(row.values()) for label, row in classes.items()}
    report = FolderReport(
        root=str(root),
        photos=len(readable),
        classes=classes,
        sizes=_sizes([records[i] for i in readable]),
        unreadable=[f"{printable(names[i])}: {record.error}" for i, record in enumerate(records) if record.error],
        exact_duplicates=[[names[i] for i in group] for group in exact],
        near_duplicates=[[names[i] for i in group] for group in near],
        conflicts=[[names[i] for i in group] for group in conflicts],
        leaks=[[names[i] for i in group] for group in leaks],
        imbalance=round(max(totals.values()) / max(1, min(totals.values())), 2),
        warnings=list(found.notes),
        problems=[
            *_class_problems(classes, root),
            *_shared_problems(samples, records, exact),
            *mask_problems(samples, records),
        ],
    )
    report.warnings.extend(_warnings(report, totals))
    return report


def _sizes(records: Sequence[Record]) -> dict[str, str]:
    ordered = sorted((r.width * r.height, f"{r.width}x{r.height}") for r in records)
    if not ordered:
        return {}
    return {"smallest": ordered[0][1], "median": ordered[len(ordered) // 2][1], "largest": ordered[-1][1]}


def _class_problems(classes: dict[str, dict[str, int]], root: Path) -> list[str]:
    validated = any("val" in row for row in classes.values())
    problems = []
    if len(classes) < 2:
        hints = f"{_unknown_annotations(root)}{_inner_folder(root)}"
        problems.append(f"only one class, {next(iter(classes))!r}; two or more are needed{hints}")
    for label, row in classes.items():
        if not row:
            problems.append(f"the class {label!r} has no readable photo")
        elif "all" in row and row["all"] < 2:
            problems.append(f"the class {label!r} has one photo; one to train on and one to validate on are needed")
        elif "all" not in row and not row.get("train"):
            problems.append(f"the class {label!r} has no photo in train/")
        elif validated and not row.get("val"):
            problems.append(f"the class {label!r} has no photo in val/")
    return problems


def _inner_folder(root: Path) -> str:
    """Returns a hint if the only class folder holds folders itself, as in an unpacked archive; else an empty text."""
    place = root
    while len(folders := subfolders(place)) == 1 and not loose_files(folders[0]).photos:
        place = folders[0]
    return "" if place == root else f"; if the folders in {printable(place)} are the classes, give that folder"


def _unknown_annotations(root: Path) -> str:
    """Returns a hint if a single folder of photos lies beside files that may be annotations of an unknown format."""
    names = unknown_files(root)
    if not names:
        return ""
    header = "; a CSV needs a first line with filename, class, xmin, ymin, xmax, ymax"
    has_csv = any(name.lower().endswith(".csv") for name in names)
    return f" (in no known annotation format: {listed(names)}{header if has_csv else ''})"


def _shared_problems(samples: Sequence[Sample], records: Sequence[Record], exact: Sequence[list[int]]) -> list[str]:
    """Names the pairs of classes that consist mostly of the same photos.

    Args:
        samples: the N photos.
        records: the N records of these photos.
        exact: the groups of photos with the same content, as positions in `samples`.
    """
    shared: Counter[tuple[str, str]] = Counter()
    for group in exact:
        labels = sorted({samples[i].label for i in group})
        shared.update((a, b) for k, a in enumerate(labels) for b in labels[k + 1 :])
    distinct: dict[str, set[str]] = {}
    for sample, record in zip(samples, records, strict=True):
        if not record.error:
            distinct.setdefault(sample.label, set()).add(record.digest)
    return [
        f"{counted(count, 'photo')} in both {a!r} and {b!r}"
        for (a, b), count in shared.items()
        if count >= _SHARED_PHOTOS * min(len(distinct[a]), len(distinct[b]))
    ]


def _warnings(report: FolderReport, totals: dict[str, int]) -> list[str]:
    few = [f"{label} ({count})" for label, count in totals.items() if 0 < count < FEW]
    found = (
        (few, f"few photos (under {FEW}): {listed(few, MOST_SHOWN)}"),
        (report.imbalance > _IMBALANCE, f"the largest class has {report.imbalance:g} times the photos of the smallest"),
    )
    duplicates = duplicate_warnings(report.exact_duplicates, report.near_duplicates, report.leaks, report.conflicts)
    return [*unreadable_warning(report), *(text for condition, text in found if condition), *duplicates]
