"""The check of a data set, whichever task it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from edgetl.errors import UsageError
from edgetl.host.dataset.boxes import is_boxed
from edgetl.host.dataset.boxes.check import check_boxes
from edgetl.host.dataset.boxes.report import describe_boxes
from edgetl.host.dataset.boxes.sheet import write_sheet
from edgetl.host.dataset.check import check
from edgetl.host.dataset.report_text import describe


class AnyReport(Protocol):
    """What the reports of all tasks have in common."""

    def to_dict(self) -> dict[str, object]:
        """Returns JSON-ready values."""

    def require_usable(self) -> None:
        """Raises a DatasetError where there are problems."""


def look(root: Path, sheet: Path | None = None) -> tuple[AnyReport, str]:
    """Checks a data set; its files tell whether it is one of boxes or of class folders.

    Args:
        root: the folder.
        sheet: a JPEG to draw photos with their boxes into.

    Returns:
        The report, and the same as text for people.

    Raises:
        DatasetError: there is nothing to check.
        UsageError: a sheet of a data set without boxes.
    """
    if is_boxed(root):
        checked = check_boxes(root)
        if sheet and checked.report.boxes:  # where none is left, the report says why
            write_sheet(sheet, checked.photos)
        return checked.report, describe_boxes(checked.report)
    report = check(root)
    if sheet:
        remedy = "leave --sheet out, or give a data set of boxes"
        raise UsageError("a sheet shows boxes, and this data set has class folders", where=str(root), remedy=remedy)
    return report, describe(report)
