"""Checks a data set of either task: what `edgetl data check` does."""

from __future__ import annotations

from pathlib import Path

from edgetl.argument_types import path_argument
from edgetl.errors import UsageError
from edgetl.host.dataset.boxes.check import check_boxes
from edgetl.host.dataset.boxes.read import is_boxed
from edgetl.host.dataset.boxes.sheet import write_sheet
from edgetl.host.dataset.check_folders import check_folders
from edgetl.host.dataset.report import DataReport


def check_data(folder: Path | str, *, sheet: Path | str | None = None) -> DataReport:
    """Reads every photo of a data set and reports what is in it and what is wrong with it.

    The task is detected from the files: photos with annotated boxes, or class folders.

    Args:
        folder: the data set's folder.
        sheet: a JPEG file to draw some photos with their boxes into; None draws nothing.

    Returns:
        A `BoxesReport` for photos with boxes, else a `FolderReport`; its `usable` says whether it can be trained on.

    Raises:
        DatasetError: there is nothing to check: no such folder, no annotations and no class folders.
        UsageError: a sheet of a data set without boxes.
    """
    root = path_argument(folder, "folder")
    if is_boxed(root):
        checked = check_boxes(root)
        if sheet and checked.report.boxes:  # without boxes, the report says why there are none
            write_sheet(path_argument(sheet, "sheet"), checked.photos)
        return checked.report
    report = check_folders(root)
    if sheet:
        remedy = "leave --sheet out, or give a data set of boxes"
        raise UsageError("a sheet shows boxes, and this data set has class folders", where=str(root), remedy=remedy)
    return report
