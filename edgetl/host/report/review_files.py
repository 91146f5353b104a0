"""Writes what a training found out about its photos as files beside its report, and reads it back."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from edgetl import schema
from edgetl.errors import ModelError
from edgetl.files import read_regular, write_atomic
from edgetl.host.probe.photo_review import PhotoReview
from edgetl.text import json_text, printable

_SUSPECTS = "suspects.csv"
_REVIEW = "photos.json"
_MOST_BYTES = 1 << 26
"""The largest size of a review; 10,000 suspects take about 3 MB."""
_FORMULA = ("=", "+", "-", "@")
"""A spreadsheet program computes a cell that begins with one of these characters."""


def write_review(folder: Path, review: PhotoReview) -> None:
    """Writes the review as `photos.json`, and its suspects as `suspects.csv`.

    The last column is empty for a photo; a box has left, top, right and bottom in px of the photo.

    Args:
        folder: the report's folder.
        review: the review.

    Raises:
        EdgetlError: a file can't be written.
    """
    write_atomic(folder / _REVIEW, json_text(schema.document(review), 2))
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("file", "part", "label", "looks_like", "reason", "own_probability", "other_probability", "box"))
    for one in review.suspects:
        box = " ".join(map(str, one.box or ()))
        names = (_cell(name) for name in (one.file, one.part, one.label, one.looks_like))
        rows.writerow((*names, one.reason, _share(one.own), _share(one.other), box))
    write_atomic(folder / _SUSPECTS, text.getvalue())


def read_review(model_folder: Path) -> PhotoReview:
    """Reads the review of a stored model.

    Args:
        model_folder: the model's folder.

    Raises:
        ModelError: there is no review, because edgetl didn't train the model, or it can't be read.
    """
    file = model_folder / "report" / _REVIEW
    try:
        return schema.parse(PhotoReview, json.loads(read_regular(file, _MOST_BYTES)))
    except (OSError, ValueError, RecursionError) as error:
        what = "there is no review of this model's photos that can be read"
        remedy = "train the model again; one from elsewhere has none"
        raise ModelError(what, where=str(file), remedy=remedy) from error


def _cell(name: str) -> str:
    """Returns a name as a cell that no spreadsheet program takes for a formula."""
    text = printable(name)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
