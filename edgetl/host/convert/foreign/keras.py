"""Keras files of others' making, opened without running code of theirs, and stored as ours are."""

from __future__ import annotations

import math
import re
from functools import partial
from pathlib import Path

from edgetl.device.inference.input_scaling import Scaling
from edgetl.errors import ModelError
from edgetl.host.convert.foreign.graph import affine, require_classifier, surround
from edgetl.host.convert.foreign.load_keras import CodeInsideError, NeedsCodeError, ReachesOutError, load_keras_file
from edgetl.host.convert.foreign.model import PIXELS, Ending, ForeignModel, compose
from edgetl.host.convert.foreign.upgrade_keras import ChangedActivationError
from edgetl.host.convert.foreign.upgrade_operations import UnknownOperationError
from edgetl.host.networks.backend import import_keras
from edgetl.host.networks.keras_file import OutsideError, OversizeError, require_content
from edgetl.host.networks.untyped import Library, Network
from edgetl.quiet import quiet_output
from edgetl.text import first_line

_EXPORT = "where its code is, write it with model.export('FOLDER'), and give that folder"
_OLD_EXPORT = (
    "with the TensorFlow that made it, write it with tf.saved_model.save(model, 'FOLDER'), and give that folder"
)
_RAW_PIXELS = 0.1
"""A Rescaling by less than this takes pixels 0..255."""
_RAW_OFFSET = 20
"""A Rescaling that adds or subtracts more than this takes pixels 0..255."""
_IDENTITIES = (
    "InputLayer",
    "Dropout",
    "SpatialDropout2D",
    "GaussianNoise",
    "GaussianDropout",
    "ActivityRegularization",
)
"""Layers that, out of training, give back what they get; likewise all that are called Random..."""


def open_keras(path: Path) -> ForeignModel:
    """Opens a `.keras` or `.h5` file of a whole network.

    Raises:
        ModelError: Keras can't open it; or it has code inside, or needs code of its own; or it is no classifier of
            images; or it scales pixels by what is no number.
    """
    import_keras()
    require_content(path)
    try:
        with quiet_output():
            network = load_keras_file(path)
            shapes = [tuple(tensor.shape) for tensor in network.inputs or ()]
            outputs = [tuple(tensor.shape) for tensor in network.outputs or ()]
    except Exception as error:  # Keras raises whatever its zip, JSON and HDF5 readers do
        raise _refused(path, error) from error
    size, classes = require_classifier(path, shapes, outputs)
    _require_numbers(network, path)
    told, last = _scaling_inside(network), _last_operation(network)
    network, inside = _without_rescaling(network)
    known = PIXELS if told else None
    return ForeignModel(path, network, size, classes, known, told, 0.0, partial(_save, network), inside, last)


def _refused(path: Path, error: Exception) -> ModelError:
    """What is wrong with a file, for people, by what its reading ended with."""
    text = first_line(error)
    if isinstance(error, CodeInsideError):
        what = "the model has code inside, in a Lambda layer, and edgetl doesn't run the code of a file"
        return ModelError(what, where=str(path), remedy=f"take the layer out; or, {_EXPORT}")
    if isinstance(error, UnknownOperationError):
        return ModelError(f"Keras 3 has no layer for {text} in the model", where=str(path), remedy=_OLD_EXPORT)
    if isinstance(error, ChangedActivationError):
        return ModelError(f"Keras 3 computes {text} otherwise than Keras 2", where=str(path), remedy=_OLD_EXPORT)
    if isinstance(error, ReachesOutError | OutsideError):
        remedy = "take that out, and save the whole model with model.save()"
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
    """Passes if every Rescaling of a network has finite numbers, and none that makes all pixels the same.

    Raises:
        ModelError: one has not.
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
    """The name of what a network does last, in small letters: an activation's, else a layer's or an operation's."""
    layer = list(getattr(network, "operations", None) or network.layers)[-1]
    if getattr(layer, "layers", ()):
        return _last_operation(layer)
    activation = getattr(layer, "activation", None)
    return str(getattr(activation, "__name__", "") if activation else type(layer).__name__).lower()


def _numbers(value: Library) -> tuple[float, ...]:
    """The one number of a Rescaling, or one for each channel."""
    return tuple(float(number) for number in value) if hasattr(value, "__len__") else (float(value),)


def _scaling_inside(network: Network) -> str:
    """Says where pixels are scaled, if that is before anything that has learnt; empty where it isn't."""
    if "int" in str(network.inputs[0].dtype):
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


def _takes_raw_pixels(layer: Library) -> bool:
    return min(_numbers(layer.scale)) < _RAW_PIXELS or max(map(abs, _numbers(layer.offset))) > _RAW_OFFSET


def _is_identity(layer: Library) -> bool:
    """Says whether a layer, out of training, gives back what it gets."""
    kind = type(layer).__name__
    if inside := getattr(layer, "layers", ()):
        return all(map(_is_identity, inside))
    linear = kind == "Activation" and getattr(layer.activation, "__name__", "") == "linear"
    return kind in _IDENTITIES or (kind.startswith("Random") and kind != "RandomCrop") or linear


def _without_rescaling(network: Network) -> tuple[Network, Scaling]:
    """Takes every Rescaling out with which a network begins; `_core` of `convert.tflite` makes more of it outside.

    Left inside, it would be an operation in 8 bits, whose result the first convolution has to do with.
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
    except (ValueError, AttributeError):  # something else takes the pixels, too
        return network, PIXELS
    return behind, inside


def _scaling_of(layer: Library) -> Scaling:
    """A Rescaling, pixel * scale + offset, as (pixel - mean) / std."""
    scale, offset = _numbers(layer.scale), _numbers(layer.offset)
    size = max(len(scale), len(offset))
    pairs = list(zip(scale * (size // len(scale)), offset * (size // len(offset)), strict=True))
    return Scaling(tuple(round(-b / a, 6) for a, b in pairs), tuple(round(1 / a, 6) for a, b in pairs))


def _save(network: Network, folder: Path, scaling: Scaling, ending: Ending) -> None:
    """Writes `model.keras`: raw pixels in, probabilities out, the value scaling where `convert` looks for it."""
    import keras

    whole = len(scaling.std) == 1
    scale, offset = affine(scaling) if whole else (1.0, 0.0)
    inner = surround(network, PIXELS if whole else scaling, ending)
    pixels = keras.Input(inner.input_shape[1:], dtype="uint8", name="image")
    rescale = keras.layers.Rescaling(scale, offset, name="scale")
    with quiet_output():
        keras.Model(pixels, inner(rescale(pixels)), name="classifier").save(folder / "model.keras")
