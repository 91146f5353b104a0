"""The scaling of pixels, (pixel - mean) / std, that the input of a foreign model expects."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.device.inference.tflite_metadata import Metadata
from edgetl.device.runtime import Tensor
from edgetl.errors import ModelError
from edgetl.vision.arrays import Floats

_LEAST_STD = 1e-6
"""A std that is nearer to 0 than this is refused, because pixels are divided by it."""
STATE_IT_REMEDY = "add TFLite Metadata with NormalizationOptions"
"""The remedy for a file that doesn't state its scaling."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """How pixels become a model's real input: (pixel - mean) / std.

    Attributes:
        mean: the number subtracted from a pixel, 0..255: one for all channels or one for each.
        std: the number that the difference is divided by, not 0: one for all channels or one for each.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def rows(self, width: int) -> tuple[Floats, Floats]:
        """Returns mean and std, (width, 3) float32 each.

        They have the shape of a row of pixels, because NumPy subtracts whole rows seven times as fast as single pixels.

        Args:
            width: the width of the input, px.
        """
        mean, std = (np.resize(np.array(values, np.float32), (width, 3)) for values in (self.mean, self.std))
        return mean, std

    def levels(self, tensor: Tensor) -> NDArray[np.uint8]:
        """Returns the byte that stands for each pixel value in a quantized input, (256, 1, 3) uint8.

        Args:
            tensor: the input, uint8 or int8. For int8 the bytes are the two's complement of the numbers.
        """
        pixels = np.arange(256, dtype=np.float64)[:, None, None]
        real = (pixels - np.array(self.mean)) / np.array(self.std)
        low, high = (-128, 127) if tensor.dtype == "int8" else (0, 255)
        numbers = np.clip(np.rint(real / tensor.scale + tensor.zero_point), low, high)
        return np.ascontiguousarray(np.broadcast_to(numbers, (256, 1, 3)).astype(np.int16).astype(np.uint8))


def stated_scaling(path: Path, metadata: Metadata) -> Scaling | None:
    """Returns the scaling that a file's metadata state; None if they state none.

    Raises:
        ModelError: the stated scaling can't be used.
    """
    mean, std = metadata.mean, metadata.std
    if not mean or not std:
        return None
    sound = all(math.isfinite(value) for value in mean + std) and all(abs(value) > _LEAST_STD for value in std)
    if not sound or len(mean) not in (1, 3) or len(std) not in (1, 3):
        what = f"the metadata state a scaling of pixels that can't be used: mean {mean[:4]}, std {std[:4]}"
        remedy = "write NormalizationOptions with one finite value, or one for each channel; a std is not 0"
        raise ModelError(what, where=str(path), remedy=remedy)
    return Scaling(mean, std)
