"""Defines a start: weights that a training can begin with, and what they were trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgetl.files import sha256_of
from edgetl.host.networks.input_range import InputRange
from edgetl.host.probe.features import NetworkKey
from edgetl.host.train.weights.source import RANDOM, WeightsSource


@dataclass(frozen=True, slots=True)
class Start:
    """Weights that a training can begin with.

    Attributes:
        weights: the value of `--weights` that takes them.
        trained_on: what they were trained on, for people.
        source: the opened source.
        backbone: the backbone's name; empty if it isn't known.
        alpha: the backbone's width multiplier.
        input_range: the range of pixel values that the backbone takes.
        file: the file of the weights; None for random weights.
        problem: the reason why they can't be ranked; empty if they can.
    """

    weights: str
    trained_on: str
    source: WeightsSource = RANDOM
    backbone: str = ""
    alpha: float = 0.0
    input_range: InputRange = "-1..1"
    file: Path | None = None
    problem: str = ""

    @property
    def network(self) -> tuple[str, float, InputRange]:
        """The backbone, its width multiplier and its input range: starts that agree in these share a network."""
        return self.backbone, self.alpha, self.input_range

    def key(self) -> NetworkKey:
        """Returns what the features of a photo depend on.

        Raises:
            OSError: the file can't be read.
        """
        weights = sha256_of(self.file) if self.file else "random"
        return NetworkKey(weights, self.backbone, self.alpha, self.input_range)
