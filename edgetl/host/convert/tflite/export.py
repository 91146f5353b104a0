"""Converts Keras models to `.tflite` by each recipe, and offers further attempts if the first one misses the gate."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol, cast

import numpy as np

from edgetl.errors import ModelError
from edgetl.host.convert.calibration import FIRST_PHOTOS, MORE_PHOTOS, representative_dataset
from edgetl.host.convert.converter import Attempt, ConversionInput, Files
from edgetl.host.convert.saved_models import SavedModels
from edgetl.host.convert.tflite.converter_protocols import QuantizationDebugger, TFLiteConverter
from edgetl.host.convert.tflite.edit_graph import name_outputs
from edgetl.host.convert.tflite.metadata import OUTPUTS, embed
from edgetl.host.convert.tflite.reverse_input_channels import reverse_input_channels
from edgetl.host.networks.backend import import_tensorflow
from edgetl.host.networks.untyped import Library
from edgetl.quiet import quiet_output
from edgetl.target import RecipeName
from edgetl.vision.arrays import Floats, Image

FIRST_IN_FLOAT = (5, 11, 23)
"""Later attempts leave this many of the first operations in float, because a MobileNet loses most accuracy there:
whatever its first convolutions round away is missing in all others.

The first five are the value scaling, the stem, and the first depthwise and pointwise convolution, whose channels differ
most in range. TensorFlow's own ranking, error over scale, is about 0.29 for every operation and so ranks nothing.
"""

_STATIC: dict[RecipeName, str] = {"static_wi8_ai8": "uint8", "device_wi8_ai8": "int8"}
"""The type of pixels and outputs in the files of each static recipe. Both compute in int8 inside. Other software feeds
uint8, which costs an operation at each end; a file that only edgetl runs can do without."""


class Scaling(Protocol):
    """A `keras.layers.Rescaling`: scaled pixels are pixels * scale + offset, one number or one for each channel."""

    scale: float | Sequence[float]
    offset: float | Sequence[float]


def attempts(recipe: RecipeName, source: ConversionInput, *, search: bool = True) -> Iterator[Attempt]:
    """Yields ways to make a `.tflite` file; see `edgetl.host.convert.converter.Converter`.

    Args:
        recipe: one of TFLite's recipes.
        source: the model.
        search: whether to yield more than the plain recipe.
    """

    def attempt(note: str, photos: Image, in_float: Sequence[str] = ()) -> Attempt:
        return Attempt(note, partial(_files, source, recipe, photos, in_float))

    train, seed = source.judge.train, source.seed
    first = representative_dataset(train, FIRST_PHOTOS, seed)
    yield attempt("", first)
    if recipe not in _STATIC or not search:
        return
    more = representative_dataset(train, MORE_PHOTOS, seed)
    if len(more) > len(first):
        yield attempt(f"calibrated with {len(more)} photos", more)
    yield attempt("calibrated without the most extreme photos", _without_extremes(more))
    names = operations(source.saved_models, first)
    for count in (n for n in FIRST_IN_FLOAT if n < len(names)):
        yield attempt(f"the first {count} operations left in float", more, names[:count])


def _files(source: ConversionInput, recipe: RecipeName, photos: Image, in_float: Sequence[str]) -> Files:
    content, card = export(source.saved_models, recipe, photos, in_float), source.card
    if recipe == "device_wi8_ai8" and card.input.color == "rgb":
        reversed_file = reverse_input_channels(content)
        if reversed_file is not content:
            content, card = reversed_file, replace(card, input=replace(card.input, color="bgr"))
    return {".tflite": embed(content, card)}


def _without_extremes(photos: Image) -> Image:
    """Leaves out the tenth of photos with the highest contrast, which widen every range for a few pixels.

    Args:
        photos: (N, H, W, 3) uint8 model inputs.
    """
    contrast = photos.reshape(len(photos), -1).std(axis=1)
    return np.asarray(photos[contrast <= np.quantile(contrast, 0.9)])


def export(models: SavedModels, recipe: RecipeName, photos: Image, in_float: Sequence[str] = ()) -> bytes:
    """Converts a classifier or a detector; the file takes raw pixels by every recipe.

    A detector's outputs stay raw and separate, each with a quantization of its own; the tensors are called `logits` and
    `distances`, in this order.

    Args:
        models: a `keras.Model` from (N, H, W, 3) uint8 pixels to (N, classes) probabilities, made by
            `edgetl.host.train.classifier.network`, or to two outputs, made by `edgetl.host.train.detector.network`.
        recipe: `float32`; `float16` (weights); `dynamic_wi8_afp32` (8-bit weights, float activations);
            `static_wi8_ai8` (signed 8-bit weights per channel and activations; uint8 in and out); or `device_wi8_ai8`
            (as `static_wi8_ai8`, with int8 in and out).
        photos: the representative dataset, (N, H, W, 3) uint8 model inputs; only the static recipes use it.
        in_float: the names of tensors, see `operations`, whose operations the static recipes leave in float. The file
            then takes uint8 and gives float32.

    Returns:
        The file's content.

    Raises:
        ModelError: TensorFlow's converter refuses the model, or doesn't identify a detector's outputs.
    """
    tf, model = import_tensorflow(), models.model
    try:
        with quiet_output():
            content = _convert(tf, models, recipe, photos, in_float)
    except Exception as error:  # the converter raises many types, with a whole program in the message
        what = f"TensorFlow's converter can't make {recipe} of the model: {(str(error).splitlines() or [''])[0][:200]}"
        remedy = "use layers that TensorFlow Lite has, in float32 (no mixed precision); or try --runtime openvino"
        raise ModelError(what, where=model.name, remedy=remedy) from error
    return name_outputs(content, OUTPUTS) if len(model.outputs) == len(OUTPUTS) else content


def operations(models: SavedModels, photos: Image) -> list[str]:
    """Returns the output tensors of the operations that `in_float` can name, from the input on.

    Args:
        models: a `keras.Model`; see `export`.
        photos: the representative dataset, (N, H, W, 3) uint8 model inputs.
    """
    tf = import_tensorflow()
    with quiet_output():
        debugger = _debugger(tf, models, photos[:1], ())
        debugger.run()
        text = io.StringIO()
        debugger.layer_statistics_dump(text)
    return [row["tensor_name"] for row in csv.DictReader(io.StringIO(text.getvalue()))]


def _convert(tf: Library, models: SavedModels, recipe: RecipeName, photos: Image, in_float: Sequence[str]) -> bytes:
    if recipe in _STATIC:
        if in_float:
            return bytes(_debugger(tf, models, photos, in_float).get_nondebug_quantized_model())
        return bytes(_static_converter(tf, models, photos, getattr(tf, _STATIC[recipe])).convert())
    converter = _converter(tf, models.whole, quantize=recipe != "float32")
    if recipe == "float16":
        converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


def _converter(tf: Library, saved_model: Path, *, quantize: bool) -> TFLiteConverter:
    converter: TFLiteConverter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model))
    if quantize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter


def _debugger(tf: Library, models: SavedModels, photos: Image, in_float: Sequence[str]) -> QuantizationDebugger:
    """Makes TensorFlow's quantization debugger, which is its only way to leave single operations in float.

    It gets the whole model, value scaling included: an input that is quantized for an operation in float would not take
    raw pixels. The outputs are float32.
    """
    converter = _converter(tf, models.whole, quantize=True)
    converter.representative_dataset = lambda: ([photo[None]] for photo in photos)
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter,
        debug_dataset=lambda: ([photo[None]] for photo in photos[:1]),
        debug_options=tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=list(in_float) or None),
    )
    return cast(QuantizationDebugger, debugger)


def _static_converter(tf: Library, models: SavedModels, photos: Image, ends: object) -> TFLiteConverter:
    """Makes a converter to int8; `ends` is TensorFlow's type of the file's input and output.

    The value scaling becomes the quantization of the input tensor: the graph loses an operation and the input still
    takes raw pixels.
    """
    converter = _converter(tf, models.without_scaling, quantize=True)
    converter.representative_dataset = partial(_scaled, models.model.get_layer("scale"), photos)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS]
    converter.inference_input_type = ends
    converter.inference_output_type = ends
    return converter


def _scaled(scaling: Scaling, photos: Image) -> Iterator[list[Floats]]:
    """Yields scaled photos to calibrate with, each a list of one (1, H, W, 3) float32 array.

    The input takes raw pixels only if its calibrated range is exactly that of the pixels 0 to 255, so the first photo
    gets one pixel of each.
    """
    scale, offset = (np.asarray(value, np.float32) for value in (scaling.scale, scaling.offset))
    pinned = np.array(photos)
    pinned[0, 0, 0], pinned[0, 0, 1] = 0, 255
    for photo in pinned:
        yield [(photo[None] * scale + offset).astype(np.float32)]
