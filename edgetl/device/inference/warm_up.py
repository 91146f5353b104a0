"""The warm-up of a model: one black frame when it is opened, so that no frame of the user waits for allocations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgetl.card import InputSpec
from edgetl.vision.arrays import Image


def warm_up(model: Callable[[Image], object], spec: InputSpec) -> None:
    """Runs a model on one black frame, because the first inference allocates memory and takes much longer.

    Args:
        model: a function that takes an (H, W, 3) uint8 BGR frame.
        spec: the model's input, whose size the frame has.
    """
    model(np.zeros((spec.height, spec.width, 3), np.uint8))
