"""Exports a Keras model once for all recipes and runtimes: both converters read TensorFlow's SavedModel.

TensorFlow Lite's converter would export the Keras model again for every file, which takes several times as long as the
conversion itself.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from functools import cached_property
from pathlib import Path

from edgetl.host.networks.backend import import_tensorflow
from edgetl.host.networks.untyped import Layer, Library, Network, Tensor
from edgetl.quiet import quiet_output

OUTPUT = "output_{}"
"""The name of an output of a SavedModel, with its position in the Keras model."""


class SavedModels:
    """A Keras model as SavedModels in a temporary folder, which is removed together with this object.

    Their weights are constants and their batch is one photo: what a converter can compute beforehand, it does.

    Args:
        model: a `keras.Model` with one input and one or more outputs; see `edgetl.host.convert.tflite.export.export`.
    """

    def __init__(self, model: Network) -> None:
        self.model = model
        self._folder = Path(tempfile.mkdtemp(prefix="edgetl-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    @cached_property
    def whole(self) -> Path:
        """The folder of the model as it is, from (1, H, W, 3) uint8 pixels."""
        return _save(self.model, self._folder / "whole")

    @cached_property
    def without_scaling(self) -> Path:
        """The folder of the network behind the value scaling, from scaled pixels, (1, H, W, 3) float32."""
        import keras

        image = keras.Input(self.model.input_shape[1:], dtype="float32", name="image")
        scaling, tensors = self.model.get_layer("scale"), image
        # The layers form a chain, except between a detector's backbone and head, and after the head.
        for layer in self.model.layers[self.model.layers.index(scaling) + 1 :]:
            tensors = layer(tensors)
        return _save(keras.Model(image, tensors), self._folder / "without_scaling")


def _save(model: Network, folder: Path) -> Path:
    """Writes a model as a SavedModel; returns the folder."""
    tf = import_tensorflow()
    with quiet_output():
        model = _with_resizes(model)
        holder, function = tf.Module(), _frozen(tf, model)
        spec = [tf.TensorSpec((1, *model.input_shape[1:]), model.inputs[0].dtype, name="image")]

        def serve(image: Tensor) -> dict[str, Tensor]:
            return {OUTPUT.format(i): output for i, output in enumerate(function(image))}

        holder.serve = tf.function(serve, input_signature=spec)
        tf.saved_model.save(holder, str(folder), {"serving_default": holder.serve.get_concrete_function()})
    return folder


def _with_resizes(model: Network) -> Network:
    """Returns a model with the same layers in which one resize operation does what `UpSampling2D` does.

    Keras's own layer repeats rows, then columns, which both converters turn into a chain of reshape and tile.
    """
    import keras

    if not _has_upsampling(model):
        return model

    def call(layer: Layer, *inputs: Tensor, **options: bool) -> Tensor:
        if not isinstance(layer, keras.layers.UpSampling2D):
            return layer(*inputs, **options)
        size = [side * factor for side, factor in zip(inputs[0].shape[1:3], layer.size, strict=True)]
        return keras.ops.image.resize(inputs[0], size, interpolation=layer.interpolation)

    resized: Network = keras.models.clone_model(
        model, clone_function=lambda layer: layer, call_function=call, recursive=True
    )
    return resized


def _has_upsampling(model: Network) -> bool:
    """Returns whether a graph of layers upsamples; a `keras.Sequential` is left as it is."""
    import keras

    layers = [] if isinstance(model, keras.Sequential) else getattr(model, "layers", [])
    return any(isinstance(layer, keras.layers.UpSampling2D) or _has_upsampling(layer) for layer in layers)


def _frozen(tf: Library, model: Network) -> Library:
    """Returns TensorFlow's function of a model for one photo, with its variables as constants."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    spec = [tf.TensorSpec((1, *model.input_shape[1:]), model.inputs[0].dtype, name="image")]
    traced = tf.function(lambda image: model(image, training=False), input_signature=spec).get_concrete_function()
    return convert_variables_to_constants_v2(traced, lower_control_flow=False)
