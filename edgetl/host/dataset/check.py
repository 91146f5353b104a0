"""What is in a data set and what is wrong with it, in words and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.masks import mask_problems
from edgetl.host.dataset.duplicates import exact_groups, near_groups
from edgetl.host.dataset.folders import FolderSet, Sample, read_folders, unknown_files
from edgetl.host.dataset.listing import loose_files, subfolders
from edgetl.host.dataset.photos import Record, inspect
from edgetl.text import listed, printable

FEW = 20
"""Below so many photos a class is reported as small; below two it can't be trained and validated."""

MOST_SHOWN = 10
"""At most this many names or problems are listed in one place for people; the JSON has all."""

_IMBALANCE = 10.0
_SHARED_PHOTOS = 0.5


@dataclass(frozen=True, slots=True)
class Report:
    """A data set's check.

    Attributes:
        root: the folder.
        photos: that open.
        classes: photos that open, by class and part (`all` where there is no split of its own).
        sizes: `WxH` of the smallest, the median and the largest photo by area, px.
        unreadable: `file: what is wrong`.
        exact_duplicates: photos with the same content, by group.
        near_duplicates: photos that look the same, by group.
        conflicts: the groups among these that lie in different classes.
        leaks: those that lie in different parts of the data set's own split.
        imbalance: the largest class over the smallest.
        warnings: what to look at.
        problems: why it can't be trained on; empty where it can.
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

    def to_dict(self) -> dict[str, object]:
        """Returns JSON-ready values."""
        return asdict(self)

    def require_usable(self) -> None:
        """Raises a DatasetError where there are problems."""
        require_none(self.problems, self.root)


def require_none(problems: Sequence[str], root: str) -> None:
    """Passes where a data set has no problems.

    Raises:
        DatasetError: it has; the message says which.
    """
    if problems:
        more = f"; and {len(problems) - MOST_SHOWN} more" if len(problems) > MOST_SHOWN else ""
        what = "the data set can't be trained on: " + "; ".join(problems[:MOST_SHOWN]) + more
        raise DatasetError(what, where=root, remedy=f"mend it, then look with `edgetl data check {root}`")


def require_open(unreadable: Sequence[str], root: Path) -> None:
    """Passes where every photo opens, as `--strict` asks.

    Args:
        unreadable: `file: what is wrong`.
        root: the data set's folder.

    Raises:
        DatasetError: some don't; the message names the first ones.
    """
    if unreadable:
        what = f"{len(unreadable)} files don't open: {'; '.join(unreadable[:5])}"
        raise DatasetError(what, where=str(root), remedy="mend or remove them, or drop --strict")


def check(root: Path) -> Report:
    """Reads every photo of a data set once and reports on it.

    Raises:
        DatasetError: there is nothing to check: no folder, no classes, a class without photos.
    """
    found = read_folders(root)
    return report_on(root, found, inspect(root, [sample.path for sample in found.samples]))


def report_on(root: Path, found: FolderSet, records: Sequence[Record]) -> Report:
    """Makes the report from what is known of each photo.

    Args:
        root: the data set's folder.
        found: its N photos.
        records: N, as `edgetl.host.dataset.photos.inspect` gives them.
    """
    samples = found.samples
    names = [str(sample.path.relative_to(root)) for sample in samples]
    good = [i for i, record in enumerate(records) if not record.error]
    classes: dict[str, dict[str, int]] = {sample.label: {} for sample in samples}
    for i in good:
        row = classes[samples[i].label]
        row[samples[i].part or "all"] = row.get(samples[i].part or "all", 0) + 1
    exact = exact_groups(records)
    near = near_groups(records)
    same = [*exact, *near]
    conflicts = [group for group in same if len({samples[i].label for i in group}) > 1]
    leaks = [group for group in same if len({samples[i].part for i in group}) > 1]
    totals = {label: sum(row.values()) for label, row in classes.items()}
    report = Report(
        root=str(root),
        photos=len(good),
        classes=classes,
        sizes=_sizes([records[i] for i in good]),
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
        problems.append(
            f"only one class, {next(iter(classes))!r}; two or more are needed{_unknown(root)}{_inside(root)}"
        )
    for label, row in classes.items():
        if not row:
            problems.append(f"no photo of the class {label!r} opens")
        elif "all" in row and row["all"] < 2:
            problems.append(f"the class {label!r} has one photo; one to train on and one to validate on are needed")
        elif "all" not in row and not row.get("train"):
            problems.append(f"the class {label!r} has no photo in train/")
        elif validated and not row.get("val"):
            problems.append(f"the class {label!r} has no photo in val/")
    return problems


def _inside(root: Path) -> str:
    """Which folder may have been meant, if the only class folder holds folders itself, as unpacked archives do."""
    place = root
    while len(folders := subfolders(place)) == 1 and not loose_files(folders[0]).photos:
        place = folders[0]
    return "" if place == root else f"; if the folders in {printable(place)} are the classes, give that folder"


def _unknown(root: Path) -> str:
    """What may make one folder of photos a detection set that wasn't recognised."""
    names = unknown_files(root)
    if not names:
        return ""
    header = "; a CSV needs a first line with filename, class, xmin, ymin, xmax, ymax"
    tables = any(name.lower().endswith(".csv") for name in names)
    return f" (of no known format of annotations: {listed(names)}{header if tables else ''})"


def _shared_problems(samples: Sequence[Sample], records: Sequence[Record], exact: Sequence[list[int]]) -> list[str]:
    """Names pairs of classes of which one is mostly photos of the other."""
    shared: Counter[tuple[str, str]] = Counter()
    for group in exact:
        labels = sorted({samples[i].label for i in group})
        shared.update((a, b) for k, a in enumerate(labels) for b in labels[k + 1 :])
    distinct: dict[str, set[str]] = {}
    for sample, record in zip(samples, records, strict=True):
        if not record.error:
            distinct.setdefault(sample.label, set()).add(record.digest)
    return [
        f"{count} photos are in both {a!r} and {b!r}"
        for (a, b), count in shared.items()
        if count >= _SHARED_PHOTOS * min(len(distinct[a]), len(distinct[b]))
    ]


def _warnings(report: Report, totals: dict[str, int]) -> list[str]:
    few = [f"{label} ({count})" for label, count in totals.items() if 0 < count < FEW]
    near, exact = len(report.near_duplicates), len(report.exact_duplicates)
    found = (
        (report.unreadable, f"{len(report.unreadable)} files don't open and are left out"),
        (few, f"few photos (under {FEW}): {listed(few, MOST_SHOWN)}"),
        (report.imbalance > _IMBALANCE, f"the largest class has {report.imbalance:g} times the photos of the smallest"),
        (exact, f"{exact} groups of photos have the same content"),
        (near, f"{near} groups of photos look nearly the same ({sum(map(len, report.near_duplicates))} photos)"),
        (report.conflicts, f"{len(report.conflicts)} of these groups lie in different classes"),
        (report.leaks, f"{len(report.leaks)} of them lie in different parts of the split: its figures are too good"),
    )
    return [text for condition, text in found if condition]


def class_weights(counts: Sequence[int]) -> list[float]:
    """Returns weights inverse to the square root of the classes' counts, whose mean over all photos is one.

    The square root is between two wrongs: without weights a rare class is hardly learnt; weighed inversely to its count
    it counts as much as all the photos of a common one, and its mislabelled photos as much again.
    """
    present = np.asarray(counts, np.float64)
    rarity = 1 / np.sqrt(present)
    return [float(w) for w in rarity * present.sum() / (rarity * present).sum()]
