"""Quantized inputs, int8 or uint8: finds how pixels become their numbers, or refuses the file if nothing states it."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path

import numpy as np

from edgetl.device.inference.input_scaling import STATE_IT_REMEDY, Scaling
from edgetl.device.runtime import Tensor
from edgetl.errors import ModelError

logger = logging.getLogger(__name__)

_SAME_LEVELS = 2
"""Bytes that differ from the pixels by at most this many levels count as the pixels themselves, because exporters round
the zero_point and the scale of an ordinary input in different ways."""
_PIXELS, _SHARES, _SIGNED = Scaling(), Scaling((0.0,), (255.0,)), Scaling((127.5,), (127.5,))
_IMAGENET = Scaling((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
_USUAL = (_PIXELS, _SHARES, _SIGNED, Scaling((128.0,), (1.0,)))
"""The most frequent scalings of models: to 0..255, 0..1, -1..1 and -128..127."""


def quantized_input_scaling(path: Path, stated: Scaling | None, tensor: Tensor) -> Scaling | None:
    """Returns the scaling of a quantized input; None if its bytes are the pixels, as in almost every file.

    Args:
        path: the model file, for messages.
        stated: the scaling that the file states; None if it states none.
        tensor: the input, uint8 or int8, with a scale.

    Raises:
        ModelError: the file states no scaling, and the range of the input fits none of the usual ones.
    """
    candidates = (stated, *_USUAL) if stated else _USUAL
    if any(_keeps_pixels(scaling, tensor) for scaling in candidates):
        return None
    return stated or _scaling_of_range(path, tensor)


def _keeps_pixels(scaling: Scaling, tensor: Tensor) -> bool:
    """Says whether a scaling and the quantization of an input together leave pixels as they are."""
    pixels = np.arange(256, dtype=np.int16)[:, None, None]
    offset = 128 if tensor.dtype == "int8" else 0
    levels = (scaling.levels(tensor) ^ np.uint8(offset)).astype(np.int16)
    return int(np.abs(levels - pixels).max()) <= _SAME_LEVELS


@lru_cache(maxsize=256)  # a guess is logged once, however often the file is opened
def _scaling_of_range(path: Path, tensor: Tensor) -> Scaling:
    """Guesses the scaling from the range of real numbers that a quantized input can hold.

    Raises:
        ModelError: the range fits no usual scaling.
    """
    least = -128 if tensor.dtype == "int8" else 0
    low, high = ((number - tensor.zero_point) * tensor.scale for number in (least, least + 255))
    scaling = _fitting(low, high)
    held = f"{low:.3g} to {high:.3g}"
    if scaling is None:
        what = (
            f"the {tensor.dtype} input holds numbers from {held}: no usual scaling of pixels has this range, and the "
            "file doesn't state its scaling"
        )
        raise ModelError(what, where=str(path), remedy=STATE_IT_REMEDY)
    logger.warning(
        "%s: the input holds %s; pixels are scaled by mean %s, std %s", path, held, scaling.mean, scaling.std
    )
    return scaling


def _fitting(low: float, high: float) -> Scaling | None:
    """Returns the usual scaling whose results lie in low..high; None if there is none."""
    span = high - low
    if low > -0.02 * span:
        return _PIXELS if high > 3 else _SHARES
    if max(-low, high) < 1.8:
        return _SIGNED
    return _IMAGENET if abs(low + 2.118) < 0.06 and abs(high - 2.64) < 0.06 else None
