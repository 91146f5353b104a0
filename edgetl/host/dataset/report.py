"""The report of a data set's check: what all tasks have in common, and its text for people."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import Field, asdict
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import DatasetError
from edgetl.host.dataset.duplicates import group_ids
from edgetl.host.html_table import html_table
from edgetl.text import counted, printable

FEW = 20
"""A class with fewer photos is reported as small; such a class is seldom learnt well."""

MOST_SHOWN = 10
"""At most this many names or problems are listed in one place for people; the JSON has all."""

_MOST_UNREADABLE = 5
"""An error message names at most this many unreadable files."""

_MOST_GROUPED = 4
"""At most this many photos of a group of duplicates are named in its line."""


class DataReport(ABC):
    """The result of checking a data set, whichever task it is for.

    Attributes:
        root: the data set's folder.
        unreadable: the photos that can't be read, each as `file: reason`.
        exact_duplicates: the photos with the same content, by group.
        near_duplicates: the photos that look the same, by group.
        warnings: sentences about what the user should check.
        problems: the reasons why the data set can't be trained on; empty if it can.
    """

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[object]]]

    root: str
    unreadable: list[str]
    exact_duplicates: list[list[str]]
    near_duplicates: list[list[str]]
    warnings: list[str]
    problems: list[str]

    @property
    def usable(self) -> bool:
        """Whether the data set can be trained on."""
        return not self.problems

    def to_dict(self) -> dict[str, object]:
        """Returns the report as JSON-ready values."""
        return asdict(self)

    def require_usable(self) -> None:
        """Passes if the data set can be trained on.

        Raises:
            DatasetError: the data set can't be trained on; the message names the problems.
        """
        if self.problems:
            more = f"; and {len(self.problems) - MOST_SHOWN} more" if len(self.problems) > MOST_SHOWN else ""
            what = "the data set can't be trained on: " + "; ".join(self.problems[:MOST_SHOWN]) + more
            remedy = f"correct it, then check it with `edgetl data check {self.root}`"
            raise DatasetError(what, where=self.root, remedy=remedy)

    def require_readable(self) -> None:
        """Passes if every photo can be read, as `--strict` requires.

        Raises:
            DatasetError: some photos can't be read; the message names the first ones.
        """
        if self.unreadable:
            names = "; ".join(self.unreadable[:_MOST_UNREADABLE])
            what = f"{counted(len(self.unreadable), 'file')} can't be read: {names}"
            raise DatasetError(what, where=self.root, remedy="repair or remove them, or leave out --strict")

    def groups_of(self, paths: Sequence[Path]) -> NDArray[np.int64]:
        """Returns the number of each photo's group of exact and near duplicates.

        Args:
            paths: N photo files of the data set; a file that is named twice is a duplicate of itself.

        Returns:
            (N,) int64; photos with the same number are duplicates of each other.
        """
        places: dict[Path, list[int]] = {}
        for i, path in enumerate(paths):
            places.setdefault(path, []).append(i)
        named = [
            [Path(self.root) / name for name in group] for group in (*self.exact_duplicates, *self.near_duplicates)
        ]
        groups = [[places[path][0] for path in group if path in places] for group in named]
        return group_ids(len(paths), [*places.values(), *groups])

    @abstractmethod
    def headline(self) -> str:
        """Returns the size of the data set in one line."""

    @abstractmethod
    def table(self) -> tuple[list[str], list[list[object]]]:
        """Returns the headings and the rows of a table with one row for each class."""

    @abstractmethod
    def to_text(self) -> str:
        """Returns the report as text for people."""

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        notes = [f"warning: {text}" for text in self.warnings] + [f"problem: {text}" for text in self.problems]
        verdict = "usable" if self.usable else "not usable"
        return html_table(f"{self.headline()}: {verdict}", *self.table(), notes)


def unreadable_warning(report: DataReport) -> list[str]:
    """Returns the warning that some files can't be read; none if all can."""
    return [f"{counted(len(report.unreadable), 'unreadable file')} left out"] if report.unreadable else []


def duplicate_warnings(
    exact: Sequence[Sequence[str]],
    near: Sequence[Sequence[str]],
    leaks: Sequence[Sequence[str]],
    conflicts: Sequence[Sequence[str]] = (),
) -> list[str]:
    """Returns the warnings about duplicates.

    Args:
        exact: the groups of photos with the same content.
        near: the groups of photos that look nearly the same.
        leaks: the groups that lie in different parts of the split.
        conflicts: the groups that lie in different classes.
    """
    photos = counted(sum(map(len, near)), "photo")
    found = (
        (exact, f"{counted(len(exact), 'group')} of photos with the same content"),
        (near, f"{counted(len(near), 'group')} of photos that look nearly the same ({photos})"),
        (conflicts, f"duplicates in different classes: {counted(len(conflicts), 'group')}"),
        (
            leaks,
            f"duplicates in different parts of the split: {counted(len(leaks), 'group')}; "
            "accuracy measured on it will be too high",
        ),
    )
    return [text for groups, text in found if groups]


def group_lines(groups: Sequence[Sequence[str]], sign: str) -> list[str]:
    """Returns one short line for each group of names.

    Args:
        groups: the names of each group.
        sign: the text between two names.
    """
    more = [len(group) - _MOST_GROUPED for group in groups]
    return [
        sign.join(group[:_MOST_GROUPED]) + (f"{sign}{rest} more" if rest > 0 else "")
        for group, rest in zip(groups, more, strict=True)
    ]


def closing_lines(lists: Mapping[str, Sequence[str]], report: DataReport) -> list[str]:
    """Returns the last lines of a report for people: the first entries of each list, and whether the data is usable.

    Args:
        lists: the entries under each title.
        report: the report whose warnings and problems follow.
    """
    lines = []
    for title, rows in lists.items():
        more = [f"  … and {len(rows) - MOST_SHOWN} more"] if len(rows) > MOST_SHOWN else []
        shown = [f"  {printable(row)}" for row in rows[:MOST_SHOWN]] + more
        lines += [f"{title}:", *shown] if rows else []
    lines += [f"warning: {text}" for text in report.warnings]
    problems = report.problems
    if len(problems) > MOST_SHOWN:
        problems = [*problems[:MOST_SHOWN], f"and {len(problems) - MOST_SHOWN} more"]
    return lines + ([f"PROBLEM: {text}" for text in problems] or ["usable: yes"])
