"""Rewrites the description of a network in a Keras `.h5` file so that Keras 3 can read it.

Keras 1 to 2.15 and `tf.keras` wrote several dialects. The file stores the weights apart from the description, in the
order of the layers, so the parts of a description that only training needs can be dropped.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgetl.host.convert.foreign.operation_calls import Config, TensorReference
from edgetl.host.convert.foreign.upgrade_operations import OPERATION_LAYERS, upgrade_operation

MODELS = ("Sequential", "Functional", "Model")
"""The classes of networks that a description can contain; one network may be inside another."""

_RENAMED_LAYERS = {"BatchNormalizationV1": "BatchNormalization", "BatchNormalizationV2": "BatchNormalization"}
"""The names of layers in Keras 3, by their names in old versions of TensorFlow."""

_TRAINING_ONLY = ("_initializer", "_regularizer", "_constraint")
"""Arguments whose names end like this are dropped: only training needs them, and Keras 3 refuses some old ones."""

_DEFAULTS: dict[str, tuple[object, ...]] = {
    "groups": (1,),
    "fused": (True, False, None),
    "virtual_batch_size": (None,),
    "renorm": (False,),
    "adjustment": (None,),
    "rng_type": ("stateful", "legacy_stateful", "stateless"),
    "ragged": (False,),
}
"""Arguments that Keras 3 lacks for some layers, each with the values that have no effect and can be dropped."""

_OF_ANOTHER_KERAS = ("module", "registered_name", "build_config")
"""Entries that Keras 2.13 to 2.15 add to a layer's description; they name modules that Keras 3 lacks."""

_CHANGED_ACTIVATIONS = ("hard_sigmoid",)
"""Activations that Keras 3 computes differently from Keras 2."""


class ChangedActivationError(ValueError):
    """The network has an activation that Keras 3 computes differently."""


def upgrade(document: Config) -> Config:
    """Returns a network's description in the form of Keras 3.

    Args:
        document: the JSON document `model_config` of an `.h5` file, which describes a Sequential or a functional model;
            it is changed.

    Raises:
        UnknownOperationError: a layer is an operation of TensorFlow that has no counterpart in Keras 3.
        ChangedActivationError: the network has an activation that Keras 3 computes differently.
        ValueError: the document doesn't describe a network. A damaged one may also raise KeyError, TypeError,
            IndexError or AttributeError.
    """
    if document.get("class_name") not in MODELS:
        raise ValueError(f"the file holds no network that edgetl knows, but {document.get('class_name')}")
    return _model(document)


def _model(model: Config) -> Config:
    config = model["config"]
    if isinstance(config, list):  # Keras 1 to 2.2.2
        config = {"name": "sequential", "layers": config}
    layers = [_layer(layer) for layer in config["layers"]]
    if model["class_name"] == "Sequential":
        layers = _with_input(layers, config.get("build_input_shape"))
    for layer in layers:
        if layer["class_name"] != "InputLayer":
            layer["config"].pop("batch_input_shape", None)
    upgraded = {key: value for key, value in model.items() if key not in _OF_ANOTHER_KERAS}
    upgraded["config"] = {key: value for key, value in config.items() if key != "dtype"} | {"layers": layers}
    return upgraded if model["class_name"] == "Sequential" else _functional(upgraded)


def _with_input(layers: list[Config], built: object) -> list[Config]:
    """Adds an InputLayer if only the first layer, or the shape that the model was built with, states the shape."""
    first = layers[0]
    shape = first["config"].get("batch_input_shape") or built
    if first["class_name"] in ("InputLayer", *MODELS) or not shape:
        return layers
    dtype = first["config"].get("dtype")
    config = {"batch_shape": shape, "dtype": dtype if isinstance(dtype, str) else "float32"}
    config["name"] = f"{first['config'].get('name', 'model')}_input"
    return [{"class_name": "InputLayer", "config": config}, *layers]


def _layer(layer: Config) -> Config:
    class_name = layer["class_name"]
    if class_name in MODELS:
        return _model(layer)
    if class_name in OPERATION_LAYERS:
        return upgrade_operation(layer)
    config = {key: value for key, value in layer["config"].items() if not _is_needless(key, value)}
    if config.get("activation") in _CHANGED_ACTIVATIONS:
        raise ChangedActivationError(f"the activation {config['activation']} of the layer {config.get('name')}")
    if isinstance(dtype := config.get("dtype"), dict) and dtype.get("class_name") == "Policy":
        config["dtype"] = "float32" if str(dtype["config"]["name"]).startswith("mixed") else dtype["config"]["name"]
    if class_name.startswith("SpatialDropout"):
        config = {key: config[key] for key in ("name", "dtype", "rate", "data_format") if key in config}
    if str(layer.get("module")).startswith("keras.src.ops"):
        return layer | {"config": config}
    others = {key: value for key, value in layer.items() if key not in _OF_ANOTHER_KERAS}
    return others | {"class_name": _RENAMED_LAYERS.get(class_name, class_name), "config": config}


def _is_needless(key: str, value: object) -> bool:
    return key.endswith(_TRAINING_ONLY) or any(
        value is default or value == default for default in _DEFAULTS.get(key, ())
    )


def _functional(model: Config) -> Config:
    config = model["config"]
    _count_from_first_call(config)
    for key in ("input_layers", "output_layers"):  # a list of one would pass lists to the layers of an outer model
        if isinstance(config[key], list) and len(config[key]) == 1 and isinstance(config[key][0], list):
            config[key] = config[key][0]
    return _without_slashes(model)


def _count_from_first_call(config: Config) -> None:
    """Numbers the calls of every inner model from 0, because Keras 2 counts the model's own input as the first call.

    Keras 3 does the same for the outputs of an inner functional model, but not for those of a Sequential.
    """
    nodes = [node for layer in config["layers"] for node in layer["inbound_nodes"] if isinstance(node, list)]
    for layer in config["layers"]:
        if layer["class_name"] not in MODELS:
            continue
        places = [nodes, config["output_layers"]] if layer["class_name"] == "Sequential" else [nodes]
        tensors = [tensor for tensor in _tensors(places) if tensor[0] == layer["name"]]
        if any(tensor[1] >= len(layer["inbound_nodes"]) for tensor in tensors):
            for tensor in tensors:
                tensor[1] -= 1


def _tensors(part: object) -> Iterator[TensorReference]:
    """Yields every reference to a tensor in a part of a description."""
    if isinstance(part, list) and len(part) in (3, 4) and isinstance(part[0], str) and isinstance(part[1], int):
        yield part
    elif isinstance(part, list | dict):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from _tensors(inner)


def _without_slashes(model: Config) -> Config:
    """Renames the layers of a functional model whose names have a slash, which Keras 3 refuses."""
    config = model["config"]
    taken = {layer.get("name") for layer in config["layers"]}
    renamed: dict[str, str] = {}
    for name in sorted(str(name) for name in taken if "/" in str(name)):
        new = name.replace("/", "_")
        while new in taken:
            new += "_"
        taken.add(new)
        renamed[name] = new
    return model | {"config": _renamed(config, renamed)} if renamed else model


def _renamed(part: object, names: dict[str, str]) -> object:
    """Replaces the names of layers, wherever a text is such a name as a whole."""
    if isinstance(part, dict):
        return {key: _renamed(value, names) for key, value in part.items()}
    if isinstance(part, list):
        return [_renamed(value, names) for value in part]
    return names.get(part, part) if isinstance(part, str) else part
