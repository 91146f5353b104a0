"""The gate measures, with the device's own code, how much of the Keras model's accuracy a converted variant keeps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgetl.device.measure.steps import Step, no_steps
from edgetl.device.runtime import Runtime
from edgetl.errors import GateError
from edgetl.host.convert.calibration import CalibrationPhotos
from edgetl.manifest import Measurement
from edgetl.vision.arrays import Image

NOT_FINITE, CONSTANT = "photos_not_finite", "constant"
"""Keys of `Measurement.metrics` that mark unusable outputs: the number of photos with outputs that are not finite, and
1 if the outputs are the same for every photo. Every gate refuses a variant that has one of them."""


class Judge(Protocol):
    """Measures the variants of one model on its validation photos."""

    @property
    def summary(self) -> str:
        """The Keras model's own accuracy on the validation photos, in words."""

    @property
    def seconds_per_photo(self) -> float:
        """The time that Keras took for one validation photo, s."""

    @property
    def train(self) -> CalibrationPhotos:
        """The training photos, from which calibration draws."""

    @property
    def photos(self) -> Sequence[Path]:
        """The files of the validation photos."""

    @property
    def shown(self) -> Sequence[Collection[int]]:
        """The class numbers of the objects in each validation photo, one number for each object."""

    def measure(self, runtime: Runtime, step: Step = no_steps, more: Sequence[Runtime] = ()) -> Measurement:
        """Runs every validation photo through the device's code and compares the results with Keras's.

        Args:
            runtime: the variant, opened with one thread.
            step: the function that is called with the number of photos done.
            more: the variant, opened again with one thread, once for each further core that may be used.
        """

    def measure_more(self, measured: Measurement, runtimes: Sequence[Runtime], step: Step = no_steps) -> Measurement:
        """Adds to a variant's figures a comparison on further photos, which needs no labels.

        The photos are changed copies of training photos, as many as are missing from a few hundred.

        Args:
            measured: the variant's figures on the validation photos.
            runtimes: the variant, opened with one thread, once for each core that may be used.
            step: the function that is called with the number of photos done.
        """

    def expected(self, runtime: Runtime, frames: Sequence[Image]) -> object:
        """Returns a variant's outputs for the golden photos, JSON-ready, in the form of `Bundle.golden_scores`.

        Args:
            runtime: the variant, opened with one thread.
            frames: the golden photos, each (H, W, 3) uint8 BGR.
        """


class OutputWatch:
    """Watches a variant's outputs, photo by photo, for two faults: numbers that aren't finite, and constant outputs.

    Several threads may add outputs at once.
    """

    def __init__(self) -> None:
        self._lock = Lock()  # held while the other attributes are read and written
        self._first: list[NDArray[np.generic]] | None = None
        self._photos = 0
        self._not_finite = 0
        self._varies = False

    def add(self, outputs: Sequence[NDArray[np.generic]]) -> None:
        """Records the variant's outputs for the next photo.

        Args:
            outputs: numeric arrays of any shape and any dtype; their memory may be reused after the call.
        """
        finite = all(np.isfinite(output).all() for output in outputs)
        with self._lock:
            self._photos += 1
            self._not_finite += not finite
            if self._first is None:
                self._first = [output.copy() for output in outputs]
            elif not self._varies:
                self._varies = not all(map(np.array_equal, self._first, outputs))

    def faults(self) -> dict[str, float]:
        """Returns the faults as entries of `Measurement.metrics`; an empty dict if there is none."""
        if self._not_finite:
            return {NOT_FINITE: float(self._not_finite)}
        return {CONSTANT: 1.0} if self._photos > 1 and not self._varies else {}


def require_finite(outputs: Sequence[NDArray[np.generic]], model: str) -> None:
    """Checks that the Keras model's own outputs for the validation photos are finite numbers.

    Args:
        outputs: numeric arrays of any shape and any dtype.
        model: the model's name.

    Raises:
        GateError: an output is NaN or infinite, so there is nothing to compare a variant with.
    """
    if not all(np.isfinite(output).all() for output in outputs):
        what = f"the outputs of {model} itself are not finite numbers, so no variant of it can be compared with them"
        remedy = "train it again with a lower --rate; or import it again with --from"
        raise GateError(what, where=model, remedy=remedy)
