"""Defines the results expected of a bundle's golden photos, and the card with which these are processed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from edgetl import schema
from edgetl.card import ModelCard
from edgetl.text import counted


@dataclass(frozen=True, slots=True)
class GoldenBox:
    """A box that a detector found.

    Attributes:
        class_id: column of the class in the model's output.
        score: score of the box, 0..1.
        xyxy: left, top, right and bottom, px of the photo.
    """

    class_id: int
    score: float
    xyxy: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class GoldenBoxes:
    """The boxes that a detector found in a golden photo at the thresholds of `golden_card`.

    Attributes:
        objects: boxes of the result, best first.
        suppressed: boxes that were suppressed by a better one, any of which may take its place after a small change.
    """

    objects: tuple[GoldenBox, ...]
    suppressed: tuple[GoldenBox, ...] = ()

    def require(self, classes: int) -> None:
        """Checks that a model can have found every box.

        Args:
            classes: number of the model's classes.

        Raises:
            SchemaError: a box has an unknown class, a number that isn't finite, or not four edges.
        """
        for box in self.objects + self.suppressed:
            numbers = np.array([box.score, *box.xyxy])
            if len(box.xyxy) != 4 or not np.isfinite(numbers).all() or not 0 <= box.class_id < classes:
                raise schema.SchemaError(f"not a box of a model with {counted(classes, 'class', 'classes')}: {box}")


def golden_card(card: ModelCard) -> ModelCard:
    """Returns the card with which golden photos are processed.

    It resamples exactly: the pixels are the same on every machine, so a difference of the outputs comes from the
    network. (`edgetl.device.verify.resampling` checks the fast resampling.) A detector's thresholds are halved, so that
    drift shows before an object disappears or appears.

    Args:
        card: the model's card.
    """
    card = dataclasses.replace(card, input=dataclasses.replace(card.input, interpolation="linear_exact"))
    if card.task != "detection":
        return card
    decoding = dataclasses.replace(card.detector, thresholds=tuple(t / 2 for t in card.detector.thresholds))
    return dataclasses.replace(card, decoding=decoding)
