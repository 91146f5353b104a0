"""A quantized output's numbers: what they mean, and which of them pass a threshold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import ModelError

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Quantization:
    """How an output's numbers are to be read: real = scale * (number - zero_point).

    Attributes:
        dtype: int8, uint8, or float32, whose numbers are real already.
        scale: see above; 0 for float32.
        zero_point: see above.
    """

    dtype: str = "float32"
    scale: float = 0.0
    zero_point: int = 0


FLOAT = Quantization()
"""Of an output that isn't quantized."""


def reader(output: Quantization, meaning: Callable[[Floats], Floats]) -> Callable[[NDArray[Any]], Floats]:
    """The function from an output's numbers to what they mean; 256 of them need no maths, only a table."""
    if output.dtype == "float32":
        return meaning
    table = meaning(dequantize(_numbers(output), output))
    return lambda numbers: table.take(numbers.view(np.uint8))


def least(output: Quantization, thresholds: Floats) -> NDArray[Any]:
    """The smallest of an output's numbers that passes each threshold, (C,); or one a little smaller."""
    if output.dtype == "float32":
        # Scores are rounded, the more so, measured in logits, the nearer they are to 1: a margin here loses none.
        near = np.clip(thresholds.astype(np.float64) * (1 - 1e-6), 1e-30, 1 - 1e-6)
        return np.where(thresholds > 1e-30, np.log(near / (1 - near)) - 1e-3, -np.inf).astype(np.float32)
    numbers = np.sort(_numbers(output))
    found = np.searchsorted(sigmoid(dequantize(numbers, output)), thresholds)
    return numbers[np.minimum(found, 255)]


def _numbers(output: Quantization) -> NDArray[Any]:
    """All the numbers of an output's type, in the order of their bits."""
    if output.dtype not in ("int8", "uint8"):
        what = f"an output of the detector is {output.dtype}"
        raise ModelError(what, remedy="convert it to outputs of int8, uint8 or float32")
    return np.arange(256, dtype=np.uint8).view(output.dtype)


def dequantize(numbers: NDArray[Any], tensor: Quantization) -> Floats:
    """Returns the real numbers of a tensor, float32 of its shape: scale * (number - zero_point).

    Args:
        numbers: the tensor's content, of any shape; uint8 or int8, or real numbers if `scale` is 0.
        tensor: the quantization of the tensor.
    """
    real = numbers.astype(np.float32)
    return (real - np.float32(tensor.zero_point)) * np.float32(tensor.scale) if tensor.scale else real


def sigmoid(logits: Floats) -> Floats:
    """Returns 1 / (1 + exp(-logits)), never quite 0."""
    return np.float32(1) / (np.float32(1) + np.exp(-np.clip(logits, -80, 80)))  # beyond, exp overflows


def softplus(raw: Floats) -> Floats:
    """Returns log(1 + exp(raw)), at most a million: squared, that is still a finite number."""
    return np.minimum(np.logaddexp(np.float32(0), raw), np.float32(1e6))
