"""Which of a model's results are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgetl.errors import UsageError


@dataclass(frozen=True, slots=True)
class ResultFilter:
    """Which of a model's results are wanted; what is None is left to the model's card.

    Attributes:
        threshold: smallest score, 0..1.
        classes: labels to look for, of which an empty tuple holds none; None looks for all.
        top_k: of a classifier, at most so many classes.
        iou: of a detector, the overlap above which the worse of two boxes goes, 0..1.
        max_det: of a detector, at most so many objects.
        agnostic: of a detector, whether boxes of different classes suppress each other too.
        slack: of a detector, objects are given from this share of their threshold on, 0..1, for a
            `edgetl.vision.track.Tracker`, which keeps of those below it what it follows.

    Raises:
        UsageError: a number out of its range.
    """

    threshold: float | None = None
    classes: tuple[str, ...] | None = None
    top_k: int = 1
    iou: float | None = None
    max_det: int | None = None
    agnostic: bool = False
    slack: float = 1.0

    def __post_init__(self) -> None:
        for name in ("threshold", "iou", "slack"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise UsageError(f"{name} is {share}", remedy="choose it from 0 to 1")
        for name in ("top_k", "max_det"):
            most = getattr(self, name)
            if most is not None and most < 1:
                raise UsageError(f"{name} is {most}", remedy="choose 1 or more")

    def columns(self, labels: Sequence[str]) -> tuple[int, ...] | None:
        """Returns the columns of the wanted classes among a model's labels; None for all.

        Raises:
            UsageError: the model has no such class.
        """
        if self.classes is None:
            return None
        for name in self.classes:
            if name not in labels:
                known = ", ".join(labels[:_MOST_NAMED]) + (", …" if len(labels) > _MOST_NAMED else "")
                raise UsageError(f"the model has no class {name!r}", remedy=f"choose from {known}")
        return tuple(labels.index(name) for name in self.classes)


_MOST_NAMED = 20
