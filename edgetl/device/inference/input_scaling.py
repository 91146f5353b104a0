"""How pixels become the numbers that the input of a foreign model takes."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.device.inference.tflite_metadata import Metadata
from edgetl.device.runtime import Tensor
from edgetl.errors import ModelError

logger = logging.getLogger(__name__)

_LEAST_STD = 1e-6
_SAME_LEVELS = 2
"""Bytes that differ from the pixels by at most this many levels are taken for the pixels themselves: exporters round
the zero point and the scale of an ordinary input in different ways."""
_REMEDY = "edgetl convert --from FILE --scale -1..1 --data PHOTOS --labels FILE puts the scaling into the file"


@dataclass(frozen=True, slots=True)
class Scaling:
    """Pixels to a model's real input: (pixel - mean) / std; each has one value, or one a channel."""

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def rows(self, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Returns mean and std as (width, 3) each: NumPy takes whole rows seven times as fast as single pixels."""
        mean, std = (np.resize(np.array(values, np.float32), (width, 3)) for values in (self.mean, self.std))
        return mean, std

    def levels(self, tensor: Tensor) -> NDArray[np.uint8]:
        """Returns the byte that each pixel value becomes in a quantized input, (256, 1, 3) uint8.

        Args:
            tensor: the input, uint8 or int8; of an int8 one the bytes are those of its numbers, not their values.
        """
        pixels = np.arange(256, dtype=np.float64)[:, None, None]
        real = (pixels - np.array(self.mean)) / np.array(self.std)
        low, high = (-128, 127) if tensor.dtype == "int8" else (0, 255)
        numbers = np.clip(np.rint(real / tensor.scale + tensor.zero_point), low, high)
        return np.ascontiguousarray(np.broadcast_to(numbers, (256, 1, 3)).astype(np.int16).astype(np.uint8))


_PIXELS, _SHARES, _SIGNED = Scaling(), Scaling((0.0,), (255.0,)), Scaling((127.5,), (127.5,))
_IMAGENET = Scaling((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
_USUAL = (_PIXELS, _SHARES, _SIGNED, Scaling((128.0,), (1.0,)))
"""What models take most often: 0..255, 0..1, -1..1 and -128..127."""


def input_scaling(path: Path, metadata: Metadata, tensor: Tensor) -> Scaling | None:
    """Returns what a foreign model's input wants done to pixels; None where it takes them as bytes.

    Args:
        path: the file, for messages.
        metadata: of the file; they decide where they tell of the scaling.
        tensor: the input.

    Raises:
        ModelError: it takes real numbers and nothing tells how pixels are scaled; or a scaling that can't be meant.
    """
    stated = stated_scaling(path, metadata)
    if tensor.dtype != "float32":
        return _of_bytes(path, stated, tensor) if tensor.scale else None
    if stated is None:
        what = "the model takes float pixels, but doesn't say how they are scaled"
        raise ModelError(what, where=str(path), remedy=f"{_REMEDY}; or add TFLite Metadata with NormalizationOptions")
    return stated


def stated_scaling(path: Path, metadata: Metadata) -> Scaling | None:
    """Returns the scaling that a file's metadata tell of; None where they don't.

    Raises:
        ModelError: it can't be meant.
    """
    mean, std = metadata.mean, metadata.std
    if not mean or not std:
        return None
    sound = all(math.isfinite(value) for value in mean + std) and all(abs(value) > _LEAST_STD for value in std)
    if not sound or len(mean) not in (1, 3) or len(std) not in (1, 3):
        what = f"the metadata's scaling of pixels can't be meant: mean {mean[:4]}, std {std[:4]}"
        raise ModelError(
            what, where=str(path), remedy="NormalizationOptions hold one finite value, or one a channel; std is not 0"
        )
    return Scaling(mean, std)


def _of_bytes(path: Path, stated: Scaling | None, tensor: Tensor) -> Scaling | None:
    """The scaling of a quantized input; None where its bytes are the pixels, as with almost every file."""
    if any(_keeps_pixels(scaling, tensor) for scaling in ((stated,) if stated else ()) + _USUAL):
        return None
    return stated or _by_range(path, tensor)


def _keeps_pixels(scaling: Scaling, tensor: Tensor) -> bool:
    pixels = np.arange(256, dtype=np.int16)[:, None, None]
    offset = 128 if tensor.dtype == "int8" else 0
    levels = (scaling.levels(tensor) ^ np.uint8(offset)).astype(np.int16)
    return int(np.abs(levels - pixels).max()) <= _SAME_LEVELS


@lru_cache(maxsize=256)  # so that what is guessed is logged once, however often the file is opened
def _by_range(path: Path, tensor: Tensor) -> Scaling:
    """The scaling that fits the range of real numbers that a quantized input can hold.

    Raises:
        ModelError: none of the usual ones fits.
    """
    least = -128 if tensor.dtype == "int8" else 0
    low, high = ((number - tensor.zero_point) * tensor.scale for number in (least, least + 255))
    found = _fitting(low, high)
    held = f"{low:.3g} to {high:.3g}"
    if found is None:
        what = f"the quantized input holds {held}, which is no usual scaling of pixels, and the file has no other word"
        raise ModelError(what, where=str(path), remedy="add TFLite Metadata with NormalizationOptions")
    logger.warning("%s: the input holds %s; pixels are scaled by mean %s, std %s", path, held, found.mean, found.std)
    return found


def _fitting(low: float, high: float) -> Scaling | None:
    span = high - low
    if low > -0.02 * span:
        return _PIXELS if high > 3 else _SHARES
    if max(-low, high) < 1.8:
        return _SIGNED
    return _IMAGENET if abs(low + 2.118) < 0.06 and abs(high - 2.64) < 0.06 else None
