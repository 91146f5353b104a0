"""The result of a comparison of ways to train: a curve for each way, and the answer in sentences."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from edgetl.host.html_table import html_table

Figure = Literal["top-1", "mAP50"]
"""The figure that is compared: the accuracy of a classifier, or a detector's mAP at IoU 0.5."""


@dataclass(frozen=True, slots=True)
class ComparedPoint:
    """A way of training with one number of photos: a point of its data curve.

    Attributes:
        photos: the number of training photos.
        runs: the number of runs, each with a seed of its own.
        epochs: the number of epochs in which the backbone learned.
        full_epochs: the number that `edgetl train` takes by default.
        mean: the mean of the figure, 0..1.
        low: the lower end of its 90 % interval.
        high: the upper end of its 90 % interval.
    """

    photos: int
    runs: int
    epochs: int
    full_epochs: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison of ways to train has measured so far.

    Example:
        >>> import edgetl
        >>> shortest = edgetl.CompareOptions("photos", minutes=0.01, default="starter", size=96)
        >>> comparison = edgetl.compare_training(shortest)
        >>> print(comparison.finished, [point.photos for point in comparison.curves["head only"]])
        1 [15]

    Attributes:
        data: the folder of the photos.
        figure: the figure that is compared.
        default: the weights that the default start stands for.
        network: the backbone of the default, its width and the size of its input, in words.
        classes: the number of classes.
        train: the number of all training photos.
        validation: the number of validation photos, which are the same for all runs.
        curves: the points of each way of training, by its name; in ascending order of the photos.
        sentences: the answer.
        finished: the number of finished runs.
        planned: the number of runs after which a comparison ends.
        seconds: the time of all finished runs, s.
        processor: their processor time, of all cores together, s.
        report: the HTML report.
    """

    data: str
    figure: Figure
    default: str
    network: str
    classes: int
    train: int
    validation: int
    curves: dict[str, tuple[ComparedPoint, ...]]
    sentences: tuple[str, ...]
    finished: int
    planned: int
    seconds: float
    processor: float
    report: Path

    def to_dict(self) -> dict[str, object]:
        """Returns the comparison as JSON-ready values."""
        return asdict(self) | {"report": str(self.report)}

    def _repr_html_(self) -> str:
        """Returns the curves as a table for a notebook."""
        rows = [
            (way, point.photos, point.runs, f"{point.mean:.1%}", f"{point.low:.1%} to {point.high:.1%}")
            for way, points in self.curves.items()
            for point in points
        ]
        columns = ("way", "photos", "runs", self.figure, "90 % interval")
        return html_table(f"{self.data}: ways to train", columns, rows, self.sentences)
