"""Converts the numbers of quantized outputs to real ones, and thresholds to quantized numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import ModelError
from edgetl.vision.arrays import Floats, TensorData


@dataclass(frozen=True, slots=True)
class Quantization:
    """The number format of an output: real = scale * (number - zero_point).

    Attributes:
        dtype: type of the numbers: int8, uint8, or float32, whose numbers are real already.
        scale: distance of two successive numbers; 0 for float32.
        zero_point: number that stands for 0; 0 for float32.
    """

    dtype: str = "float32"
    scale: float = 0.0
    zero_point: int = 0


FLOAT = Quantization()
"""The format of an output that isn't quantized."""


def reader(output: Quantization, meaning: Callable[[Floats], Floats]) -> Callable[[TensorData], Floats]:
    """Returns a function that turns an output's numbers into the values they stand for.

    A quantized output has 256 different numbers, so a table of their values is made once.

    Args:
        output: number format of the output.
        meaning: the function from real numbers to values, both float32 of any shape: `sigmoid`, for example.

    Returns:
        A function from the output's numbers, of any shape and of the format's type, to float32 values of that shape.
    """
    if output.dtype == "float32":
        return meaning
    table = meaning(dequantize(_numbers(output), output))
    return lambda numbers: table.take(numbers.view(np.uint8))


def smallest_passing(output: Quantization, thresholds: Floats) -> TensorData:
    """Returns, for each threshold, the smallest number of an output whose sigmoid passes it, or a slightly smaller one.

    Args:
        output: number format of the output.
        thresholds: the thresholds of the scores, (C,) float32, 0..1, or more if no score is to pass.

    Returns:
        The numbers, (C,) float32, int8 or uint8, which is the output's type.
    """
    if output.dtype == "float32":
        # The margin covers the rounding of scores, which in logits is the coarser the nearer the score is to 1.
        near = np.clip(thresholds.astype(np.float64) * (1 - 1e-6), 1e-30, 1 - 1e-6)
        return np.where(thresholds > 1e-30, np.log(near / (1 - near)) - 1e-3, -np.inf).astype(np.float32)
    numbers = np.sort(_numbers(output))
    found = np.searchsorted(sigmoid(dequantize(numbers, output)), thresholds)
    return numbers[np.minimum(found, 255)]


def _numbers(output: Quantization) -> NDArray[np.uint8 | np.int8]:
    """Returns all 256 numbers of an output's type, in the order of their bits."""
    if output.dtype not in ("int8", "uint8"):
        what = f"an output of the detector is {output.dtype}"
        raise ModelError(what, remedy="convert it to outputs of int8, uint8 or float32")
    return np.arange(256, dtype=np.uint8).view(output.dtype)


def dequantize(numbers: TensorData, tensor: Quantization) -> Floats:
    """Returns the real numbers of a tensor: scale * (number - zero_point).

    Args:
        numbers: the tensor's content of any shape (…), uint8 or int8, or real numbers of any type if `scale` is 0.
        tensor: number format of the tensor.

    Returns:
        Real numbers of that shape (…), float32.
    """
    real = numbers.astype(np.float32)
    return (real - np.float32(tensor.zero_point)) * np.float32(tensor.scale) if tensor.scale else real


def sigmoid(logits: Floats) -> Floats:
    """Returns 1 / (1 + exp(-logits)).

    Args:
        logits: real numbers of any shape (…), float32.

    Returns:
        Scores of that shape (…), float32, above 0 and at most 1.
    """
    return np.float32(1) / (np.float32(1) + np.exp(-np.clip(logits, -80, 80)))  # exp overflows beyond 88


def softplus(raw: Floats) -> Floats:
    """Returns log(1 + exp(raw)), limited to a million, whose square is still a finite float32.

    Args:
        raw: real numbers of any shape (…), float32.

    Returns:
        Distances of that shape (…), float32, 0..1e6.
    """
    return np.minimum(np.logaddexp(np.float32(0), raw), np.float32(1e6))
