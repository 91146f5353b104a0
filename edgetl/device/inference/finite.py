"""Whether a model's outputs are numbers at all: NaN and infinity never become scores or boxes."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl.device.runtime import Tensor

logger = logging.getLogger(__name__)


class FiniteCheck:
    """Says whether a frame's outputs are finite numbers, and logs once where they are not.

    Such a frame counts as one that shows nothing known, so that neither NaN nor infinity becomes a score or a box.

    Attributes:
        needed: whether an output holds floats; other numbers are always finite.
    """

    def __init__(self, outputs: tuple[Tensor, ...], name: str) -> None:
        self.needed = any(tensor.dtype.startswith("float") for tensor in outputs)
        self._name = name
        self._logged = False

    def __call__(self, *values: NDArray[Any] | float) -> bool:
        """Says whether all of the arrays' numbers are finite."""
        if not self.needed or all(np.isfinite(array).all() for array in values):
            return True
        self.warn()
        return False

    def warn(self) -> None:
        """Logs that an output is no finite number, the first time."""
        if not self._logged:
            self._logged = True
            logger.warning("%s: an output is not a finite number; such frames count as nothing known", self._name)
