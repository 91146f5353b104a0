"""Checks that others' networks classify images, and wraps them so that they take pixels and give scores."""

from __future__ import annotations

from pathlib import Path

from edgetl.device.inference.input_scaling import Scaling
from edgetl.errors import ModelError
from edgetl.host.convert.foreign.foreign_model import PIXELS, Ending
from edgetl.host.networks.untyped import Library, Network, Tensor

_IMAGE = "edgetl converts models with one (H, W, 3) image input of a fixed size; build it with keras.Input((H, W, 3))"
_OUTPUT = "edgetl converts classifiers with one output, (N, classes)"

Shapes = list[tuple[int | None, ...]]
"""The shapes of inputs or outputs; None stands for a length that is not fixed."""


def shape_of(spec: Library) -> tuple[int | None, ...]:
    """Returns the shape of a `tf.TensorSpec`; empty if not even its rank is known."""
    return tuple(spec.shape) if spec.shape.rank is not None else ()


def require_classifier(path: Path, inputs: Shapes, outputs: Shapes) -> tuple[tuple[int, int], int]:
    """Checks that a model classifies images.

    Args:
        path: the model's file, for the message.
        inputs: the shapes of the model's inputs.
        outputs: the shapes of the model's outputs.

    Returns:
        The height and width of the input, px, and the number of columns of the output.

    Raises:
        ModelError: the input is not one image of a fixed size, or the output is not one row of scores for each photo.
    """
    listed = ", ".join(map(str, inputs)) or "unknown"
    if len(inputs) != 1:
        raise ModelError(f"the model has {len(inputs)} inputs: {listed}", where=str(path), remedy=_IMAGE)
    if len(inputs[0]) != 4 or inputs[0][3] != 3 or inputs[0][0] is not None:
        raise ModelError(f"the model's input is {listed}", where=str(path), remedy=_IMAGE)
    _, height, width, _ = inputs[0]
    if height is None or width is None:
        raise ModelError(f"the size of the model's input is not fixed: {listed}", where=str(path), remedy=_IMAGE)
    if len(outputs) != 1 or len(outputs[0]) != 2 or outputs[0][1] is None:
        listed = ", ".join(map(str, outputs)) or "unknown"
        raise ModelError(f"the model's outputs {listed} are not a classifier's", where=str(path), remedy=_OUTPUT)
    return (height, width), outputs[0][1]


def wrap_network(network: Network, scaling: Scaling, ending: Ending) -> Network:
    """Puts the scaling of pixels before a network, and the layers that turn its outputs into scores after it.

    Args:
        network: a network from scaled pixels, (N, H, W, 3), to outputs, (N, classes).
        scaling: the scaling that the network needs.
        ending: the layers that turn the network's outputs into scores.

    Returns:
        A network from pixels, (N, H, W, 3) float32 0..255, to scores, (N, classes) float32 0..1.
    """
    import keras

    image = keras.Input(network.input_shape[1:], dtype="float32", name="pixels")
    tensor: Tensor = image
    if scaling != PIXELS:
        tensor = keras.layers.Rescaling(*affine(scaling), name="normalize")(tensor)
    if "int" in str(network.inputs[0].dtype):
        tensor = keras.ops.cast(tensor, network.inputs[0].dtype)
    adapted: Network = keras.Model(image, _as_scores(network(tensor, training=False), ending), name="network")
    return adapted


def _as_scores(outputs: Tensor, ending: Ending) -> Tensor:
    """Turns a network's outputs into scores, (N, classes) float32 0..1."""
    from keras import layers

    if ending == "softmax":
        return layers.Softmax(dtype="float32", name="scores")(outputs)
    if ending == "sigmoid_pair":
        outputs = layers.Activation("sigmoid", dtype="float32", name="second")(outputs)
    if ending == "none":
        return outputs
    first = layers.Rescaling(-1.0, 1.0, dtype="float32", name="first")(outputs)
    return layers.Concatenate(dtype="float32", name="scores")([first, outputs])


def affine(scaling: Scaling) -> tuple[float | list[float], float | list[float]]:
    """Returns a scaling as the arguments of a Rescaling layer, pixel * scale + offset.

    Returns:
        The scale and the offset; lists with a value for each channel if the channels differ.
    """
    pairs = [(1 / std, -mean / std) for mean, std in zip(scaling.mean, scaling.std, strict=True)]
    if len(pairs) == 1:
        return pairs[0]
    return [scale for scale, _ in pairs], [offset for _, offset in pairs]
