"""The gate: what a converted variant keeps of the Keras model, measured through the device's own code."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgetl.device.runtime import Runtime
from edgetl.errors import GateError
from edgetl.host.convert.calibration import Representative
from edgetl.manifest import Measurement
from edgetl.target import Gate
from edgetl.vision.arrays import Image

FLOAT32_PARITY = 1e-4
"""Largest |score - Keras score| of a float32 file: one of another was exported wrongly, however right its answers."""

NOT_FINITE, CONSTANT = "photos_not_finite", "constant"
"""Keys of `Measurement.metrics` that only a variant has that no gate lets pass."""


class Judge(Protocol):
    """Proves the variants of one model on its validation photos."""

    @property
    def told(self) -> str:
        """What the Keras model reaches there, for people."""

    @property
    def train(self) -> Representative:
        """Photos to calibrate with."""

    @property
    def photos(self) -> Sequence[Path]:
        """The validation photos' files."""

    @property
    def shown(self) -> Sequence[Collection[int]]:
        """Of each of them the classes that it shows, one for each object."""

    def measure(self, runtime: Runtime) -> Measurement:
        """Runs every validation photo file through the device's code.

        Args:
            runtime: the variant, opened with one thread.
        """

    def misses(self, measured: Measurement, gate: Gate, recipe: str) -> str:
        """Says why a variant doesn't meet the gate; empty where it does."""

    def margin(self, measured: Measurement, gate: Gate) -> float:
        """Returns by how much the gate is met, what is closest to missing it counts; negative where it is missed."""

    def expected(self, runtime: Runtime, frames: Sequence[Image]) -> object:
        """Returns what a variant says of the golden photos, JSON-ready, as `edgetl.device.verify.replay` wants it."""


def told(reasons: Iterable[tuple[bool, str]]) -> str:
    """Joins the texts of those reasons that hold."""
    return "; ".join(text for holds, text in reasons if holds)


class OutputWatch:
    """Watches what a variant says of one photo after the other, for what no gate lets pass, however wide it is."""

    def __init__(self) -> None:
        self._first: list[NDArray[Any]] | None = None
        self._photos = 0
        self._not_finite = 0
        self._varies = False

    def add(self, outputs: Sequence[NDArray[Any]]) -> None:
        """Takes note of what the variant says of the next photo.

        Args:
            outputs: arrays of numbers, of any shape; they are not kept.
        """
        self._photos += 1
        self._not_finite += not all(np.isfinite(output).all() for output in outputs)
        if self._first is None:
            self._first = [output.copy() for output in outputs]
        elif not self._varies:
            self._varies = not all(map(np.array_equal, self._first, outputs))

    def faults(self) -> dict[str, float]:
        """Returns metrics for `Measurement`; none where nothing is wrong."""
        if self._not_finite:
            return {NOT_FINITE: float(self._not_finite)}
        return {CONSTANT: 1.0} if self._photos > 1 and not self._varies else {}


def faults(measured: Measurement) -> tuple[tuple[bool, str], ...]:
    """Returns the reasons for which no gate lets a variant pass, each with whether it holds."""
    bad = measured.metrics.get(NOT_FINITE, 0)
    return (
        (bad > 0, f"its outputs are not finite numbers on {bad:.0f} photos"),
        (CONSTANT in measured.metrics, "it says the same of every photo"),
    )


def require_finite(outputs: Sequence[NDArray[Any]], model: str) -> None:
    """Passes if a model's outputs of photos, which its variants are held to, are finite numbers.

    Raises:
        GateError: one of them isn't.
    """
    if not all(np.isfinite(output).all() for output in outputs):
        what = f"the outputs of {model} itself are not finite numbers, so no variant of it can be proved"
        raise GateError(
            what, where=model, remedy="train it again, with a lower --rate; or convert it --from its origin"
        )
