"""Declares what a converter gets and returns: each runtime has one, which knows several ways to make a recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from edgetl.card import ModelCard
from edgetl.host.convert.gate import Judge
from edgetl.host.convert.saved_models import SavedModels
from edgetl.host.networks.untyped import Network
from edgetl.target import Gate, RecipeName

Files = Mapping[str, bytes]
"""The contents of a variant's files by their suffixes: the model file first, then the file with separate weights."""


@dataclass(frozen=True)
class ConversionInput:
    """A model with everything that its conversion needs.

    Attributes:
        model: the `keras.Model`, made by `edgetl.host.train.classifier.network` or
            `edgetl.host.train.detector.network`, or read from a file by `edgetl.host.convert.foreign.open_keras`.
        card: the model's card, which is written into the files.
        judge: the judge with the training photos to calibrate with and the validation photos to evaluate on. The two
            must not overlap: the gate would otherwise evaluate on photos that the calibration has seen.
        gate: the target's limits.
        seed: the seed of the choice of photos.
        tflite_file: the content of the `.tflite` file that the model was imported from, which is bundled unchanged;
            empty for other models.
    """

    model: Network
    card: ModelCard
    judge: Judge
    gate: Gate
    seed: int
    tflite_file: bytes = b""

    @cached_property
    def saved_models(self) -> SavedModels:
        """The model as TensorFlow's SavedModels, which all recipes and runtimes share."""
        return SavedModels(self.model)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to make a recipe's files.

    Attributes:
        note: what this attempt does beyond the plain recipe, in words; empty for the plain recipe.
        make: the function that makes the contents of the files.
    """

    note: str
    make: Callable[[], Files]


class Converter(Protocol):
    """Converts models for one runtime."""

    def __call__(self, recipe: RecipeName, source: ConversionInput, *, search: bool = True) -> Iterator[Attempt]:
        """Yields ways to convert a model, the plain recipe first; the caller stops at the first that meets the gate.

        Args:
            recipe: one of the runtime's recipes.
            source: the model.
            search: whether to yield more than the plain recipe; the further ways take many times as long.
        """
