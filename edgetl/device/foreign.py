"""A single `.tflite` file, ours or not, to the card that says how to run it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgetl.card import ModelCard
from edgetl.device.runtime import Runtime

CARD_FILE = "card.json"
"""The card's name among a `.tflite` file's associated files."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Pixels to a float input: (pixel - mean) / std."""

    mean: float = 0.0
    std: float = 1.0


def describe(path: Path, runtime: Runtime, labels: Path | None) -> tuple[ModelCard, Scaling | None]:
    """Finds out how to run a model file: from our card inside, else from its metadata, else from `labels`.

    Raises:
        ModelError: the file doesn't say what its classes are and no labels were given.
    """
    raise NotImplementedError
