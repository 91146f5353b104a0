"""The filter of a model's results: what a user wants to see, and the threshold of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgetl.argument_types import convert_fields
from edgetl.card import ModelCard
from edgetl.errors import UsageError
from edgetl.vision.arrays import ClassIds, Floats, Mask, Scores

_MOST_NAMED = 20
"""An error about an unknown class names at most this many of the model's classes, so that it stays readable."""


@dataclass(frozen=True, slots=True)
class ResultFilter:
    """What a user wants to see of a model's results; the model's card decides about fields that are None.

    Attributes:
        threshold: the smallest score that is shown, 0..1, for every class.
        classes: the labels to look for; an empty tuple looks for none, None for all.
        top_k: the largest number of classes in a classifier's result.
        iou: the overlap of two boxes above which a detector drops the one with the lower score, 0..1.
        max_det: the largest number of objects in a detector's result.
        agnostic: whether a detector's boxes of different classes suppress each other, too.
        slack: the share of its threshold that a detector's object must reach, 0..1. Below 1 the result includes
            objects under their threshold, from which an `edgetl.vision.track.Tracker` takes those that it follows.

    Raises:
        UsageError: a number is out of its range.

    Examples:
        >>> import edgetl
        >>> only = edgetl.ResultFilter(threshold=0.4, classes=("bolt", "nut"))
        >>> only.columns(("bolt", "gear", "nut"))
        (0, 2)
    """

    threshold: float | None = None
    classes: tuple[str, ...] | None = None
    top_k: int = 1
    iou: float | None = None
    max_det: int | None = None
    agnostic: bool = False
    slack: float = 1.0

    def __post_init__(self) -> None:
        convert_fields(self)
        for name in ("threshold", "iou", "slack"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise UsageError(f"{name} is {share}", remedy="choose it from 0 to 1")
        for name in ("top_k", "max_det"):
            most = getattr(self, name)
            if most is not None and most < 1:
                raise UsageError(f"{name} is {most}", remedy="choose 1 or more")

    def columns(self, labels: Sequence[str]) -> tuple[int, ...] | None:
        """Returns the positions of the filter's classes among a model's labels; None if it looks for all.

        Raises:
            UsageError: the model has no class of that name.
        """
        if self.classes is None:
            return None
        for name in self.classes:
            if name not in labels:
                known = ", ".join(labels[:_MOST_NAMED]) + (", …" if len(labels) > _MOST_NAMED else "")
                raise UsageError(f"the model has no class {name!r}", remedy=f"choose from {known}")
        return tuple(labels.index(name) for name in self.classes)

    def thresholds(self, card: ModelCard) -> Floats:
        """Returns the threshold of each of a model's C classes, (C,) float32, 0..1: the filter's, else the card's."""
        if self.threshold is not None:
            return class_thresholds((self.threshold,), len(card.labels))
        own = (card.classifier.threshold,) if card.task == "classification" else card.detector.thresholds
        return class_thresholds(own, len(card.labels))


def class_thresholds(thresholds: Sequence[float], count: int) -> Floats:
    """Returns the threshold of each of C classes, (C,) float32, 0..1.

    Scores are float32. A threshold of another type can differ from an equal score in the last bit, so every comparison
    of a score with a threshold uses the type that is returned here.

    Args:
        thresholds: the thresholds as a card holds them, 0..1: one for each class, or a single one for all.
        count: the number C of classes.
    """
    return np.broadcast_to(np.asarray(thresholds, np.float32), count)


def reaches(score: Scores, class_id: ClassIds, thresholds: Floats) -> Mask:
    """Says which objects have a score that reaches the threshold of their class, (N,) bool.

    Args:
        score: the scores of N objects, (N,) float32, 0..1; NaN reaches no threshold.
        class_id: the class of each object, (N,) int64, 0..C - 1.
        thresholds: the threshold of each class, (C,) float32, 0..1; see `class_thresholds`.
    """
    return np.asarray(score >= thresholds[class_id])
