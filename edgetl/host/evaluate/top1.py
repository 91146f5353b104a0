"""The accuracy of a classifier: top-1, confusion matrix, precision and recall of each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.host.evaluate.class_row import ClassRow, format_share, json_share
from edgetl.host.html_table import html_table
from edgetl.text import counted
from edgetl.vision.arrays import ClassIds, Doubles, Integers, Scores

_MOST_ROWS = 50
"""At most this many classes get a line in the text for people; the JSON has all."""


@dataclass(frozen=True, slots=True)
class ClassifierRow(ClassRow):
    """A classifier's figures for one class; a figure that can't be computed is NaN.

    Attributes:
        label: the name of the class.
        precision: the share of correct predictions among all predictions of this class, 0..1.
        recall: the share of the photos of this class that were predicted correctly, 0..1.
        photos: the number of photos of this class.
    """

    photos: int


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A classifier's scores on labelled photos.

    Attributes:
        labels: the names of the C classes.
        truth: the true class of each photo, (N,) int64.
        scores: the scores of each photo, (N, C) float32, 0..1.
    """

    labels: tuple[str, ...]
    truth: ClassIds
    scores: Scores

    @property
    def predicted(self) -> ClassIds:
        """The class with the best score of each photo, (N,) int64."""
        return np.asarray(self.scores.argmax(axis=1), np.int64)

    @property
    def top1(self) -> float:
        """The share of photos whose predicted class is the true one, 0..1."""
        return float((self.predicted == self.truth).mean())

    @property
    def confusion(self) -> Integers:
        """The confusion matrix, (C, C) int64 counts; rows are true classes, columns predicted ones."""
        size = len(self.labels)
        counts: NDArray[np.int64] = np.bincount(self.truth * size + self.predicted, minlength=size * size)
        return np.asarray(counts.reshape(size, size), np.int64)

    @property
    def recall(self) -> Doubles:
        """The recall of each class, (C,) float64, 0..1; NaN for a class without photos."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(axis=1))

    @property
    def precision(self) -> Doubles:
        """The precision of each class, (C,) float64, 0..1; NaN for a class that was never predicted."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(axis=0))

    def class_rows(self) -> list[ClassifierRow]:
        """Returns a row for each class, in the order of the labels."""
        columns = zip(self.labels, self.precision, self.recall, self.confusion.sum(axis=1), strict=True)
        return [ClassifierRow(label, float(p), float(r), int(photos)) for label, p, r, photos in columns]

    def to_dict(self) -> dict[str, object]:
        """Returns the figures as JSON-ready values, with the classes that have photos."""
        classes = {
            row.label: {"photos": row.photos, "precision": json_share(row.precision), "recall": json_share(row.recall)}
            for row in self.class_rows()
            if row.photos
        }
        return {"photos": len(self.truth), "top1": round(self.top1, 4), "classes": classes}

    def to_text(self) -> str:
        """Returns the figures as a table for people."""
        rows = [row for row in self.class_rows() if row.photos]
        lines = [self._headline()]
        if len(rows) <= _MOST_ROWS:
            width = max(len(row.label) for row in rows)
            lines += [
                f"  {row.label:<{width}}  {row.photos:>5} {'photo ' if row.photos == 1 else 'photos'}  "
                f"precision {format_share(row.precision)}  recall {format_share(row.recall)}"
                for row in rows
            ]
        return "\n".join(lines)

    def _headline(self) -> str:
        return f"top-1 {self.top1:.4f} on {counted(len(self.truth), 'photo')}"

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        rows = [
            [row.label, row.photos, format_share(row.precision), format_share(row.recall), format_share(row.f1)]
            for row in self.class_rows()
            if row.photos
        ]
        return html_table(self._headline(), ["class", "photos", "precision", "recall", "F1"], rows)


def _ratio(part: Integers, whole: Integers) -> Doubles:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(part / whole, np.float64)
