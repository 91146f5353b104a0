"""Keras to `.tflite`: what each recipe does to the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl.host.backend import import_tensorflow
from edgetl.host.untyped import Library, Network
from edgetl.quiet import quiet_output
from edgetl.target import RecipeName
from edgetl.vision.preprocess import Image


def export(model: Network, recipe: RecipeName, representative: Image, in_float: Sequence[str] = ()) -> bytes:
    """Converts a classifier; whatever the recipe, the file takes raw pixels.

    Args:
        model: a `keras.Model` from (N, H, W, 3) uint8 pixels to (N, classes) probabilities, made by
            `edgetl.host.train.classifier`.
        recipe: `float32`; `float16` (weights); `dynamic_wi8_afp32` (8-bit weights, float activations); or
            `static_wi8_ai8` (signed 8-bit weights per channel and activations; uint8 in and out).
        representative: (N, H, W, 3) uint8 model inputs that `static_wi8_ai8` is calibrated with.
        in_float: tensors whose operations `static_wi8_ai8` leaves in float.

    Returns:
        The file's content.
    """
    tf = import_tensorflow()
    with quiet_output():
        if recipe == "static_wi8_ai8":
            return _static(tf, model, representative, in_float)
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if recipe != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if recipe == "float16":
            converter.target_spec.supported_types = [tf.float16]
        return bytes(converter.convert())


def sensitivity(model: Network, representative: Image) -> list[str]:
    """Returns the tensors of the static int8 form by how much quantization disturbs them, worst first.

    The first operation's is left out: were it in float, the file would take scaled floats instead of raw pixels.
    The measure is the root mean squared error over the scale: about 0.29 is rounding alone.
    """
    tf = import_tensorflow()
    with quiet_output():
        debugger = _debugger(tf, model, representative, ())
        debugger.run()
        worst: dict[str, float] = {}
        for name, error in _rows(debugger):
            worst[name] = max(worst.get(name, 0.0), error)
    return sorted(list(worst)[1:], key=lambda name: -worst[name])


def _rows(debugger: Library) -> Iterator[tuple[str, float]]:
    import csv
    import io

    text = io.StringIO()
    debugger.layer_statistics_dump(text)
    for row in csv.DictReader(io.StringIO(text.getvalue())):
        yield row["tensor_name"], float(row["mean_squared_error"]) ** 0.5 / max(float(row["scale"]), 1e-12)


def _static(tf: Library, model: Network, representative: Image, in_float: Sequence[str]) -> bytes:
    if in_float:
        from tensorflow.lite.python.util import modify_model_io_type

        # The debugger forgets the converter's input type. Outputs stay float: the last operation may be one in float.
        mixed = _debugger(tf, model, representative, in_float).get_nondebug_quantized_model()
        return bytes(modify_model_io_type(mixed, tf.uint8, tf.float32))
    return bytes(_static_converter(tf, model, representative).convert())


def _debugger(tf: Library, model: Network, representative: Image, in_float: Sequence[str]) -> Library:
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=list(in_float) or None)
    _, feed = _core(model, representative)
    return tf.lite.experimental.QuantizationDebugger(
        converter=_static_converter(tf, model, representative),
        debug_dataset=lambda: (row for row, _ in zip(feed(), range(16), strict=False)),
        debug_options=options,
    )


def _static_converter(tf: Library, model: Network, representative: Image) -> Library:
    core, feed = _core(model, representative)
    converter = tf.lite.TFLiteConverter.from_keras_model(core)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = feed
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    return converter


def _core(model: Network, representative: Image) -> tuple[Any, Callable[[], Iterator[list[NDArray[np.float32]]]]]:
    """The network behind its value scaling, and what feeds it for calibration.

    The scaling becomes the input tensor's quantization: the graph loses an operation and the input still takes raw
    pixels. That needs the calibrated range to be that of pixels 0 to 255, so the first photo gets one of each.
    """
    import keras

    scaling = model.get_layer("scale")
    core_input = keras.Input(model.input_shape[1:], dtype="float32", name="image")
    tensor = core_input
    for layer in model.layers[model.layers.index(scaling) + 1 :]:
        tensor = layer(tensor)
    pinned = np.array(representative)
    pinned[0, 0, 0], pinned[0, 0, 1] = 0, 255

    def feed() -> Iterator[list[NDArray[np.float32]]]:
        for photo in pinned:
            yield [(photo[None] * np.float32(scaling.scale) + np.float32(scaling.offset)).astype(np.float32)]

    # Named, so that its tensors are called the same in every conversion: `in_float` finds them by name.
    return keras.Model(core_input, tensor, name="core"), feed
