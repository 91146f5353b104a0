"""What a detector found in a bundle's golden photos, and the card that they are looked at with."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from edgetl import schema
from edgetl.card import ModelCard


@dataclass(frozen=True, slots=True)
class GoldenBox:
    """A box that a detector found.

    Attributes:
        class_id: column of the model's output.
        score: 0..1.
        xyxy: left, top, right, bottom, px of the photo.
    """

    class_id: int
    score: float
    xyxy: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class GoldenBoxes:
    """What a detector found in a golden photo at the thresholds of `golden_card`.

    Attributes:
        objects: best first.
        suppressed: what overlaps with a better one of those: the candidates for its place.
    """

    objects: tuple[GoldenBox, ...]
    suppressed: tuple[GoldenBox, ...] = ()

    def require(self, classes: int) -> None:
        """Passes where every box is one that a model of so many classes may find.

        Raises:
            SchemaError: some are not.
        """
        for box in self.objects + self.suppressed:
            numbers = np.array([box.score, *box.xyxy])
            if len(box.xyxy) != 4 or not np.isfinite(numbers).all() or not 0 <= box.class_id < classes:
                raise schema.SchemaError(f"no box of a model of {classes} classes: {box}")


def golden_card(card: ModelCard) -> ModelCard:
    """Returns the card that golden photos are looked at with.

    It resamples exactly, so the pixels are the same on every machine and outputs that differ are the network's.
    (`edgetl.device.verify.resampling` checks the quick resampling.) A detector's thresholds are halved, so that drift
    shows before it hides or invents an object.
    """
    card = dataclasses.replace(card, input=dataclasses.replace(card.input, interpolation="linear_exact"))
    if card.task != "detection":
        return card
    decoding = dataclasses.replace(card.detector, thresholds=tuple(t / 2 for t in card.detector.thresholds))
    return dataclasses.replace(card, decoding=decoding)
