"""The description of a model file: its card, and how its input and its outputs differ from edgetl's own."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from edgetl.card import ModelCard
from edgetl.device.inference.input_scaling import Scaling
from edgetl.device.inference.labels import read_labels
from edgetl.device.inference.output_names import STANDARD_ORDER, OutputOrder
from edgetl.device.runtime import Runtime
from edgetl.errors import ModelError


@dataclass(frozen=True, slots=True)
class Description:
    """How to run a model file.

    Attributes:
        card: the card of the model.
        scaling: the scaling of pixels for a foreign input; None if the input takes them as bytes.
        order: the order of the outputs of a ready-made SSD.
    """

    card: ModelCard
    scaling: Scaling | None = None
    order: OutputOrder = STANDARD_ORDER


def own_card(content: bytes | str, where: str, labels: Path | None) -> ModelCard:
    """Reads edgetl's card from inside a model file.

    Args:
        content: the card as JSON.
        where: the place of the card, for messages.
        labels: a labels file, which has priority over the card's labels; None leaves those.

    Raises:
        ModelError: the content is not a card, or the labels file is not text.
        UsageError: the labels file can't be read.
    """
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        remedy = "convert the model again"
        raise ModelError(f"the model card inside is not JSON: {error}", where=where, remedy=remedy) from error
    card = ModelCard.from_dict(data, where=where)
    return replace(card, labels=read_labels(labels, len(card.labels))) if labels else card


def is_classifier(runtime: Runtime) -> bool:
    """Says whether a model has the one output of a classifier, (1, classes)."""
    return len(runtime.outputs) == 1 and len(runtime.outputs[0].shape) == 2
