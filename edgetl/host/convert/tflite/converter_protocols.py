"""Declares what edgetl uses of TensorFlow Lite's converter and quantization debugger, which have no types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TextIO

import numpy as np
from numpy.typing import NDArray

FeedPhotos = Callable[[], Iterable[Sequence[NDArray[np.uint8 | np.float32]]]]
"""Yields the inputs of one inference after the other; a model with one input gets lists of one (1, H, W, 3) array."""


class TargetSpec(Protocol):
    """What a converted file may contain."""

    supported_types: Sequence[object]
    supported_ops: Sequence[object]


class TFLiteConverter(Protocol):
    """A `tf.lite.TFLiteConverter`, made of a Keras model."""

    optimizations: Sequence[object]
    representative_dataset: FeedPhotos
    target_spec: TargetSpec
    inference_input_type: object
    inference_output_type: object

    def convert(self) -> bytes:
        """Returns the content of the `.tflite` file."""


class QuantizationDebugger(Protocol):
    """A `tf.lite.experimental.QuantizationDebugger`."""

    def run(self) -> None:
        """Runs the quantized model and collects the error of each operation."""

    def layer_statistics_dump(self, file: TextIO) -> None:
        """Writes the statistics of each operation as CSV with the column `tensor_name`."""

    def get_nondebug_quantized_model(self) -> bytes:
        """Returns the content of the quantized `.tflite` file."""
