"""What makes a runtime's files: one way or several for each recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from edgetl.card import ModelCard
from edgetl.host.convert.gate import Judge
from edgetl.host.networks.untyped import Network
from edgetl.target import Gate, RecipeName

Files = Mapping[str, bytes]
"""Contents by their files' suffixes: the model file's first, then that of weights that lie beside it."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is converted.

    Attributes:
        model: a `keras.Model`, made by `edgetl.host.train.classifier.network` or
            `edgetl.host.train.detector.network`, or from a file by `edgetl.host.convert.foreign.keras`.
        card: goes into the files.
        judge: has the photos to calibrate with; validation photos must not be among those, or the gate would judge
            what it has seen.
        gate: that is to be met.
        seed: of the choice of photos.
        given: the `.tflite` file that the model came as, which is all there is to convert then; empty for others.
    """

    model: Network
    card: ModelCard
    judge: Judge
    gate: Gate
    seed: int
    given: bytes = b""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to make a recipe's files.

    Attributes:
        note: what was done, beyond the plain recipe; empty for that.
        make: makes the files' contents.
    """

    note: str
    make: Callable[[], Files]


class Converter(Protocol):
    """Converts for one runtime."""

    def __call__(self, recipe: RecipeName, source: Source) -> Iterator[Attempt]:
        """Yields ways to convert, the plain one first; a caller goes on to the next only where one missed the gate."""
