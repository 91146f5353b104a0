"""What has to be known of a model file before it can run."""

from __future__ import annotations

from dataclasses import dataclass

from edgetl.card import ModelCard
from edgetl.device.inference.heads import Order
from edgetl.device.inference.input_scaling import Scaling


@dataclass(frozen=True, slots=True)
class Description:
    """How to run a model file.

    Attributes:
        card: of the model.
        scaling: what a foreign input wants done to pixels; None where it takes them as bytes.
        order: where a ready-made SSD has its boxes, classes, scores and their count among its outputs.
    """

    card: ModelCard
    scaling: Scaling | None = None
    order: Order = (0, 1, 2, 3)
