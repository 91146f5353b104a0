"""Checks that a model's outputs are finite numbers, so that NaN and infinity never become scores or boxes."""

from __future__ import annotations

import logging

import numpy as np

from edgetl.device.runtime import Tensor
from edgetl.vision.arrays import TensorData

logger = logging.getLogger(__name__)


class FiniteCheck:
    """Says whether the outputs for a frame are finite numbers, and logs the first time that they are not.

    Such a frame counts as one that shows nothing known.

    Args:
        outputs: the outputs of the model.
        name: the model's name, for the log.

    Attributes:
        needed: whether an output holds floats; other numbers are always finite.
    """

    def __init__(self, outputs: tuple[Tensor, ...], name: str) -> None:
        self.needed = any(tensor.dtype.startswith("float") for tensor in outputs)
        self._name = name
        self._logged = False

    def __call__(self, *values: TensorData | float) -> bool:
        """Says whether all numbers of some arrays, of any shape and dtype, are finite."""
        if not self.needed or all(np.isfinite(array).all() for array in values):
            return True
        self.warn()
        return False

    def warn(self) -> None:
        """Logs that an output is not a finite number, the first time only."""
        if not self._logged:
            self._logged = True
            logger.warning("%s: an output is not a finite number; such frames count as nothing known", self._name)
