"""Networks of others' making as Keras graphs: what they take and give, and what is put around them."""

from __future__ import annotations

from pathlib import Path

from edgetl.device.inference.input_scaling import Scaling
from edgetl.errors import ModelError
from edgetl.host.convert.foreign.model import PIXELS, Ending
from edgetl.host.networks.untyped import Library, Network, Tensor

_IMAGE = "edgetl converts models with one (H, W, 3) image input of a fixed size; build it with keras.Input((H, W, 3))"
_OUTPUT = "edgetl converts classifiers with one output, (N, classes)"

Shapes = list[tuple[int | None, ...]]


def shape_of(spec: Library) -> tuple[int | None, ...]:
    """A tensor's shape; empty where not even its rank is known."""
    return tuple(spec.shape) if spec.shape.rank is not None else ()


def require_classifier(path: Path, inputs: Shapes, outputs: Shapes) -> tuple[tuple[int, int], int]:
    """Returns the input's height and width, and the number of classes, of a classifier of images."""
    told = ", ".join(map(str, inputs)) or "unknown"
    if len(inputs) != 1:
        raise ModelError(f"the model has {len(inputs)} inputs: {told}", where=str(path), remedy=_IMAGE)
    if len(inputs[0]) != 4 or inputs[0][3] != 3 or inputs[0][0] is not None:
        raise ModelError(f"the model's input is {told}", where=str(path), remedy=_IMAGE)
    _, height, width, _ = inputs[0]
    if height is None or width is None:
        raise ModelError(f"the size of the model's input is not fixed: {told}", where=str(path), remedy=_IMAGE)
    if len(outputs) != 1 or len(outputs[0]) != 2 or outputs[0][1] is None:
        told = ", ".join(map(str, outputs)) or "unknown"
        raise ModelError(f"the model's outputs {told} are not a classifier's", where=str(path), remedy=_OUTPUT)
    return (height, width), outputs[0][1]


def surround(network: Network, scaling: Scaling, ending: Ending) -> Network:
    """Puts scaling before a network, and behind it what makes scores of its outputs."""
    import keras

    image = keras.Input(network.input_shape[1:], dtype="float32", name="pixels")
    tensor: Library = image
    if scaling != PIXELS:
        tensor = keras.layers.Rescaling(*affine(scaling), name="normalize")(tensor)
    if "int" in str(network.inputs[0].dtype):
        tensor = keras.ops.cast(tensor, network.inputs[0].dtype)
    return keras.Model(image, _ended(network(tensor, training=False), ending), name="network")


def _ended(outputs: Tensor, ending: Ending) -> Tensor:
    """Makes scores of a network's outputs, (N, classes) float32."""
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
    """What turns a pixel into a value: pixel * scale + offset; a list where channels differ."""
    pairs = [(1 / std, -mean / std) for mean, std in zip(scaling.mean, scaling.std, strict=True)]
    if len(pairs) == 1:
        return pairs[0]
    return [scale for scale, _ in pairs], [offset for _, offset in pairs]
