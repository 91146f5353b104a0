"""The check of a data set as text for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgetl.host.dataset.check import MOST_SHOWN, Report
from edgetl.text import printable

_MOST_CLASSES = 50
"""At most this many classes get a line of their own in the text for people; the JSON has all."""


def describe(report: Report) -> str:
    """Returns the report as text for people."""
    lines = [f"{report.root}: {report.photos} photos, {len(report.classes)} classes"]
    width = max(map(len, report.classes))
    for label, row in list(report.classes.items())[:_MOST_CLASSES]:
        parts = ", ".join(f"{part} {count}" if part != "all" else str(count) for part, count in row.items())
        lines.append(f"  {label:<{width}}  {parts or 'none opens'}")
    if len(report.classes) > _MOST_CLASSES:
        lines.append(f"  … and {len(report.classes) - _MOST_CLASSES} more classes")
    if report.sizes:
        lines.append("sizes: " + ", ".join(f"{key} {size}" for key, size in report.sizes.items()))
    lists = {
        "unreadable": report.unreadable,
        "same content": grouped(report.exact_duplicates, " = "),
        "nearly the same": grouped(report.near_duplicates, " ~ "),
    }
    return "\n".join(lines + findings(lists, report.warnings, report.problems))


def grouped(groups: Sequence[Sequence[str]], sign: str) -> list[str]:
    """Returns each group of names as one short text, the names apart by a sign."""
    return [sign.join(group[:4]) + (f"{sign}{len(group) - 4} more" if len(group) > 4 else "") for group in groups]


def findings(lists: Mapping[str, Sequence[str]], warnings: Sequence[str], problems: Sequence[str]) -> list[str]:
    """Returns the last lines of a report for people: the first of each list, and whether the data will do."""
    lines = []
    for title, rows in lists.items():
        more = [f"  … and {len(rows) - MOST_SHOWN} more"] if len(rows) > MOST_SHOWN else []
        shown = [f"  {printable(row)}" for row in rows[:MOST_SHOWN]] + more
        lines += [f"{title}:", *shown] if rows else []
    lines += [f"warning: {text}" for text in warnings]
    if len(problems) > MOST_SHOWN:
        problems = [*problems[:MOST_SHOWN], f"and {len(problems) - MOST_SHOWN} more"]
    return lines + ([f"PROBLEM: {text}" for text in problems] or ["usable: yes"])
