"""Turns a detector's raw numbers into the distances of a box's edges from the centre of its cell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgetl.vision.arrays import Floats, TensorData
from edgetl.vision.quantized import Quantization, dequantize, reader, softplus

_LARGEST_EXPONENT = 80.0
"""The exponentials of an output's 256 numbers fit into float32 if the logits span less than this."""


def distances(raw: Floats, bins: int) -> Floats:
    """Returns the distances to left, top, right and bottom.

    Args:
        raw: (…, 4 * bins) float32 real numbers of an output. One number for each edge is the inverse softplus of its
            distance. Several numbers are the logits of the distances 0, 1 … bins - 1, of which the mean counts (Li et
            al., "Generalized Focal Loss", 2020).
        bins: number of values for each edge, from 1.

    Returns:
        (…, 4) float32, 0 or more, in strides of the cell.
    """
    if bins == 1:
        return softplus(raw)
    logits = raw.reshape(*raw.shape[:-1], 4, bins)
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    return np.asarray(shares @ np.arange(bins, dtype=np.float32))


def distance_reader(output: Quantization, bins: int) -> Callable[[TensorData], Floats]:
    """Returns a function from an output's numbers, (K, 4 * bins), to distances, (K, 4) float32, in strides.

    Args:
        output: number format of the output.
        bins: number of values for each edge, from 1.
    """
    if bins == 1:
        return reader(output, softplus)
    if not 0 < output.scale * 255 < _LARGEST_EXPONENT:
        return lambda numbers: distances(dequantize(numbers, output), bins)
    share = reader(output, lambda logits: np.exp(logits - logits.max()))
    sums = np.stack([np.arange(bins), np.ones(bins)], axis=1).astype(np.float32)

    def read(numbers: TensorData) -> Floats:
        weighted, total = np.moveaxis(share(numbers).reshape(-1, 4, bins) @ sums, -1, 0)
        return np.asarray(weighted / total)

    return read
