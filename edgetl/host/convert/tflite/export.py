"""Keras to `.tflite`: what each recipe does to the network, and what it tries when its first result misses the gate."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import ModelError
from edgetl.host.convert.calibration import FIRST_PHOTOS, MORE_PHOTOS, representative
from edgetl.host.convert.converter import Attempt, Files, Source
from edgetl.host.convert.tflite.edit_graph import name_outputs, take_bgr
from edgetl.host.convert.tflite.metadata import OUTPUTS, embed
from edgetl.host.networks.backend import import_tensorflow
from edgetl.host.networks.untyped import Library, Network
from edgetl.quiet import quiet_output
from edgetl.target import RecipeName
from edgetl.vision.arrays import Image

FIRST_IN_FLOAT = (5, 11, 23)
"""Where a MobileNet loses most by int8: what its first convolutions round away, all others go without.

Five are the value scaling, the stem, and the first depthwise and pointwise convolution, whose channels differ most in
range. TensorFlow's own ranking, error over scale, is about 0.29 for every operation and finds nothing.
"""

_STATIC: dict[RecipeName, str] = {"static_wi8_ai8": "uint8", "device_wi8_ai8": "int8"}
"""The type of pixels and outputs. Inside all is int8: uint8, which other software feeds, costs an operation at either
end. What only edgetl feeds takes the channels as a camera has them, too."""


def attempts(recipe: RecipeName, source: Source) -> Iterator[Attempt]:
    """See `edgetl.host.convert.converter.Converter`."""

    def attempt(note: str, photos: Image, in_float: Sequence[str] = ()) -> Attempt:
        return Attempt(note, partial(_files, source, recipe, photos, in_float))

    train, seed = source.judge.train, source.seed
    first = representative(train, FIRST_PHOTOS, seed)
    yield attempt("", first)
    if recipe not in _STATIC:
        return
    more = representative(train, MORE_PHOTOS, seed)
    if len(more) > len(first):
        yield attempt(f"calibrated with {len(more)} photos", more)
    yield attempt("calibrated without the most extreme photos", _without_extremes(more))
    names = operations(source.model, first)
    for count in (n for n in FIRST_IN_FLOAT if n < len(names)):
        yield attempt(f"the first {count} operations left in float", more, names[:count])


def _files(source: Source, recipe: RecipeName, photos: Image, in_float: Sequence[str]) -> Files:
    content, card = export(source.model, recipe, photos, in_float), source.card
    if recipe == "device_wi8_ai8" and card.input.color == "rgb" and (turned := take_bgr(content)) is not content:
        content, card = turned, replace(card, input=replace(card.input, color="bgr"))
    return {".tflite": embed(content, card)}


def _without_extremes(photos: Image) -> Image:
    """Leaves out the tenth of photos whose contrast is largest: they stretch every range for few pixels' sake."""
    contrast = photos.reshape(len(photos), -1).std(axis=1)
    return np.asarray(photos[contrast <= np.quantile(contrast, 0.9)])


def export(model: Network, recipe: RecipeName, representative: Image, in_float: Sequence[str] = ()) -> bytes:
    """Converts a classifier or a detector; whatever the recipe, the file takes raw pixels.

    A detector's outputs stay raw and apart, each with a quantization of its own: the tensors are called `logits` and
    `distances`, in this order.

    Args:
        model: a `keras.Model` from (N, H, W, 3) uint8 pixels to (N, classes) probabilities, made by
            `edgetl.host.train.classifier.network`, or to two outputs, made by `edgetl.host.train.detector.network`.
        recipe: `float32`; `float16` (weights); `dynamic_wi8_afp32` (8-bit weights, float activations);
            `static_wi8_ai8` (signed 8-bit weights per channel and activations; uint8 in and out); or `device_wi8_ai8`,
            the same with int8 in and out.
        representative: (N, H, W, 3) uint8 model inputs that the static ones are calibrated with.
        in_float: tensors, see `operations`, whose operations the static ones leave in float; uint8 in and float32 out
            then.

    Returns:
        The file's content.

    Raises:
        ModelError: TensorFlow's converter refuses the model, or doesn't tell a detector's outputs apart.
    """
    tf = import_tensorflow()
    try:
        with quiet_output():
            content = _convert(tf, model, recipe, representative, in_float)
    except Exception as error:  # the converter's own kind, and whatever it is made of: the text is a whole program
        what = f"TensorFlow's converter can't make {recipe} of the model: {(str(error).splitlines() or [''])[0][:200]}"
        remedy = "use layers that TensorFlow Lite has, in float32 (no mixed precision); or try --runtime openvino"
        raise ModelError(what, where=model.name, remedy=remedy) from error
    return name_outputs(content, OUTPUTS) if len(model.outputs) == len(OUTPUTS) else content


def operations(model: Network, representative: Image) -> list[str]:
    """Returns the output tensors of the operations that `in_float` can name, from the input on."""
    tf = import_tensorflow()
    with quiet_output():
        debugger = _debugger(tf, model, representative[:1], ())
        debugger.run()
        text = io.StringIO()
        debugger.layer_statistics_dump(text)
    return [row["tensor_name"] for row in csv.DictReader(io.StringIO(text.getvalue()))]


def _convert(tf: Library, model: Network, recipe: RecipeName, representative: Image, in_float: Sequence[str]) -> bytes:
    if recipe in _STATIC:
        if in_float:
            return bytes(_debugger(tf, model, representative, in_float).get_nondebug_quantized_model())
        return bytes(_static_converter(tf, model, representative, getattr(tf, _STATIC[recipe])).convert())
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if recipe != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if recipe == "float16":
        converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


def _debugger(tf: Library, model: Network, representative: Image, in_float: Sequence[str]) -> Library:
    """TensorFlow's quantization debugger, the one way it has to leave single operations in float.

    It gets the whole model, value scaling included: an input that is quantized for an operation in float would not take
    raw pixels. The outputs come out as float32.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([photo[None]] for photo in representative)
    return tf.lite.experimental.QuantizationDebugger(
        converter=converter,
        debug_dataset=lambda: ([photo[None]] for photo in representative[:1]),
        debug_options=tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=list(in_float) or None),
    )


def _static_converter(tf: Library, model: Network, representative: Image, ends: Library) -> Library:
    core, feed = _core(model, representative)
    converter = tf.lite.TFLiteConverter.from_keras_model(core)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = feed
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS]
    converter.inference_input_type = ends
    converter.inference_output_type = ends
    return converter


def _core(model: Network, representative: Image) -> tuple[Any, Callable[[], Iterator[list[NDArray[np.float32]]]]]:
    """The network behind its value scaling, and what feeds it for calibration.

    The scaling becomes the input tensor's quantization: the graph loses an operation and the input still takes raw
    pixels. That needs the calibrated range to be that of pixels 0 to 255, so the first photo gets one of each.
    """
    import keras

    scaling = model.get_layer("scale")
    core_input = keras.Input(model.input_shape[1:], dtype="float32", name="image")
    tensors = core_input  # one after the other, but between a detector's backbone and its head, and behind that
    for layer in model.layers[model.layers.index(scaling) + 1 :]:
        tensors = layer(tensors)
    pinned = np.array(representative)
    pinned[0, 0, 0], pinned[0, 0, 1] = 0, 255

    def feed() -> Iterator[list[NDArray[np.float32]]]:
        for photo in pinned:
            yield [(photo[None] * np.float32(scaling.scale) + np.float32(scaling.offset)).astype(np.float32)]

    return keras.Model(core_input, tensors), feed
