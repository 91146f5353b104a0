"""Opens others' Keras files without running their code, and stores their networks in edgetl's form."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from edgetl.device.inference.input_scaling import Scaling
from edgetl.errors import ModelError
from edgetl.host.convert.foreign.adapt_network import affine, require_classifier, wrap_network
from edgetl.host.convert.foreign.foreign_model import PIXELS, Ending, ForeignModel, compose
from edgetl.host.convert.foreign.keras_protocols import Layer, Rescaling
from edgetl.host.convert.foreign.load_keras import load_keras_file
from edgetl.host.convert.foreign.refuse_code import CodeInsideError, NeedsCodeError, ReachesOutError
from edgetl.host.convert.foreign.upgrade_keras import ChangedActivationError
from edgetl.host.convert.foreign.upgrade_operations import UnknownOperationError
from edgetl.host.networks.backend import import_keras
from edgetl.host.networks.keras_file import OutsideError, OversizeError, require_content
from edgetl.host.networks.untyped import Network
from edgetl.quiet import quiet_output
from edgetl.text import first_line

_EXPORT = "on the machine that has its code, write it with model.export('FOLDER'), and give that folder"
_OLD_EXPORT = (
    "with the TensorFlow that made it, write it with tf.saved_model.save(model, 'FOLDER'), and give that folder"
)
_RAW_PIXELS = 0.1
"""A Rescaling layer with a scale below this takes pixels 0..255, because a scaled value would become useless."""

_RAW_OFFSET = 20
"""A Rescaling layer that adds or subtracts more than this takes pixels 0..255, because scaled values lie within 1."""

_IDENTITIES = (
    "InputLayer",
    "Dropout",
    "SpatialDropout2D",
    "GaussianNoise",
    "GaussianDropout",
    "ActivityRegularization",
)
"""The layers that don't change their input except in training, besides those named `Random...`."""


def open_keras(path: Path) -> ForeignModel:
    """Opens a `.keras` or `.h5` file of a whole network.

    Args:
        path: the file.

    Raises:
        ModelError: Keras can't open the file; or it contains code, or needs code that it doesn't contain; or it is not
            a classifier of images; or it scales pixels by numbers that are not finite.
    """
    import_keras()
    require_content(path)
    try:
        with quiet_output():
            network = load_keras_file(path)
            shapes = [tuple(tensor.shape) for tensor in network.inputs or ()]
            outputs = [tuple(tensor.shape) for tensor in network.outputs or ()]
    except Exception as error:  # the readers of zip, JSON and HDF5 raise errors of many types
        raise _refused(path, error) from error
    size, classes = require_classifier(path, shapes, outputs)
    _require_numbers(network, path)
    takes_bytes, note, last = _takes_bytes(network), _scaling_inside(network), _last_operation(network)
    network, inside = _without_rescaling(network)
    scaling, save = PIXELS if note else None, partial(_save, network)
    return ForeignModel(path, network, size, classes, scaling, note, 0.0, save, inside, last, takes_bytes)


def _refused(path: Path, error: Exception) -> ModelError:
    """Returns the error to show for a file, by the error that reading it raised."""
    text = first_line(error)
    if isinstance(error, CodeInsideError):
        what = "the model has code inside, in a Lambda layer, and edgetl doesn't run the code of a file"
        return ModelError(what, where=str(path), remedy=f"remove the layer; or, {_EXPORT}")
    if isinstance(error, UnknownOperationError):
        return ModelError(f"Keras 3 has no layer for {text} in the model", where=str(path), remedy=_OLD_EXPORT)
    if isinstance(error, ChangedActivationError):
        return ModelError(f"Keras 3 computes {text} differently from Keras 2", where=str(path), remedy=_OLD_EXPORT)
    if isinstance(error, ReachesOutError | OutsideError):
        remedy = "remove that, and save the whole model with model.save()"
        return ModelError(f"the model does more than compute: {text}", where=str(path), remedy=remedy)
    if isinstance(error, OversizeError):
        remedy = "save the model again with model.save(), without compression"
        return ModelError(f"the model is too large for its file: {text}", where=str(path), remedy=remedy)
    named = re.search(r"(?:Could not locate (?:class|function)|Unknown layer:) '([^']+)'", str(error))
    if named or isinstance(error, NeedsCodeError):
        name = first_line(named[1]) if named else text
        what = f"the model needs code of its own, which isn't in the file: {name}"
        return ModelError(what, where=str(path), remedy=_EXPORT)
    remedy = "give a whole model as model.save() writes it, not weights alone; or a folder of model.export('FOLDER')"
    return ModelError(f"Keras can't open the model: {text}", where=str(path), remedy=remedy)


def _require_numbers(network: Network, path: Path) -> None:
    """Checks that every Rescaling layer of a network has finite numbers and a scale other than 0.

    Raises:
        ModelError: a layer has other numbers.
    """
    for layer in network.layers:
        if getattr(layer, "layers", ()):
            _require_numbers(layer, path)
        elif type(layer).__name__ == "Rescaling":
            scale, offset = _numbers(layer.scale), _numbers(layer.offset)
            if not all(map(math.isfinite, (*scale, *offset))) or 0 in scale:
                what = f"the model's layer {first_line(layer.name)} scales pixels by {scale} and adds {offset}"
                raise ModelError(what, where=str(path), remedy="build the model again with finite numbers, scale not 0")


def _last_operation(network: Network) -> str:
    """Returns the name of a network's last operation in small letters: of an activation, a layer or an operation."""
    layer = list(getattr(network, "operations", None) or network.layers)[-1]
    if getattr(layer, "layers", ()):
        return _last_operation(layer)
    activation = getattr(layer, "activation", None)
    return str(getattr(activation, "__name__", "") if activation else type(layer).__name__).lower()


def _numbers(value: float | Sequence[float]) -> tuple[float, ...]:
    """Returns the number of a Rescaling layer, or one number for each channel."""
    return tuple(map(float, value)) if isinstance(value, Iterable) else (float(value),)


def _takes_bytes(network: Network) -> bool:
    return "int" in str(network.inputs[0].dtype)


def _scaling_inside(network: Network) -> str:
    """Returns the layer that scales pixels, in words, if it comes before all trained layers; else an empty text."""
    if _takes_bytes(network):
        return "the model takes bytes"
    for layer in network.layers:
        kind = type(layer).__name__
        if kind == "Normalization" or (kind == "Rescaling" and _takes_raw_pixels(layer)):
            return f"the model scales pixels itself, in its layer {first_line(layer.name)} ({kind})"
        inside = getattr(layer, "layers", ())
        if inside and not all(map(_is_identity, inside)):
            return _scaling_inside(layer) if getattr(layer, "inputs", None) else ""
        if layer.weights and not inside:
            return ""
    return ""


def _takes_raw_pixels(layer: Rescaling) -> bool:
    return min(_numbers(layer.scale)) < _RAW_PIXELS or max(map(abs, _numbers(layer.offset))) > _RAW_OFFSET


def _is_identity(layer: Layer) -> bool:
    """Returns whether a layer doesn't change its input except in training."""
    kind = type(layer).__name__
    if inside := getattr(layer, "layers", ()):
        return all(map(_is_identity, inside))
    linear = kind == "Activation" and getattr(getattr(layer, "activation", None), "__name__", "") == "linear"
    return kind in _IDENTITIES or (kind.startswith("Random") and kind != "RandomCrop") or linear


def _without_rescaling(network: Network) -> tuple[Network, Scaling]:
    """Removes the Rescaling layers with which a network begins, and returns their scaling.

    Outside the network, `convert.tflite.export` can make the scaling the quantization of the input. Inside, it would be
    an 8-bit operation whose rounding the first convolution would inherit.
    """
    import keras

    if "float" not in str(network.inputs[0].dtype):
        return network, PIXELS
    last, inside, passed = None, PIXELS, False
    for layer in network.layers:
        if type(layer).__name__ == "Rescaling":
            inside, last, passed = compose(inside, _scaling_of(layer)), layer, True
        elif not _is_identity(layer):
            break
    if last is None or not passed:
        return network, PIXELS
    try:
        behind = keras.Model(last.output, network.outputs[0])
    except (ValueError, AttributeError):  # another layer takes the pixels as well
        return network, PIXELS
    return behind, inside


def _scaling_of(layer: Rescaling) -> Scaling:
    """Returns a Rescaling layer, pixel * scale + offset, as (pixel - mean) / std."""
    scale, offset = _numbers(layer.scale), _numbers(layer.offset)
    size = max(len(scale), len(offset))
    pairs = list(zip(scale * (size // len(scale)), offset * (size // len(offset)), strict=True))
    return Scaling(tuple(round(-b / a, 6) for a, b in pairs), tuple(round(1 / a, 6) for a, b in pairs))


def _save(network: Network, folder: Path, scaling: Scaling, ending: Ending) -> None:
    """Writes `model.keras`, from raw pixels to probabilities, with the value scaling in the layer `scale`."""
    import keras

    whole = len(scaling.std) == 1
    scale, offset = affine(scaling) if whole else (1.0, 0.0)
    inner = wrap_network(network, PIXELS if whole else scaling, ending)
    pixels = keras.Input(inner.input_shape[1:], dtype="uint8", name="image")
    rescale = keras.layers.Rescaling(scale, offset, name="scale")
    with quiet_output():
        keras.Model(pixels, inner(rescale(pixels)), name="classifier").save(folder / "model.keras")
