"""Keras files of others' making to networks: nothing of theirs is run, and nothing larger than its file is made."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from edgetl.host.convert.foreign.upgrade_keras import upgrade
from edgetl.host.networks.keras_file import OversizeError, most_bytes, named, open_weights, plain_archive, read_config
from edgetl.host.networks.untyped import Library, Network

_MOST_PARTS = 100_000
"""A description may have at most this many layers, initializers and the like; that of the largest network has 9,000."""
_LARGEST_TENSOR = 1 << 25
"""What a layer gives for one photo may have at most this many numbers: 64 photos are looked at together."""
_REACHING_OUT = {
    "TFSMLayer": "runs the model of another file",
    "TorchModuleWrapper": "has a pickled PyTorch module inside",
    "JaxLayer": "has a JAX function inside",
    "FlaxLayer": "has a JAX function inside",
}
"""Layers of Keras that do more than compute."""
_VOCABULARIES = ("StringLookup", "IntegerLookup", "TextVectorization")
"""Layers of Keras that may read their words from a file."""
_KERAS_FUNCTIONS = ("builtins", "keras.activations", "keras.ops", "keras.src.activations", "keras.src.ops")
"""The modules from which a description may name functions."""


class CodeInsideError(ValueError):
    """The description has code in it."""


class NeedsCodeError(ValueError):
    """The description names code that isn't in the file."""


class ReachesOutError(ValueError):
    """The description names other files, or does more than compute."""


def load_keras_file(path: Path) -> Network:
    """Builds the network of a `.keras` or `.h5` file.

    Raises:
        CodeInsideError: the file has code inside.
        NeedsCodeError: it needs code of its own.
        ReachesOutError: it does more than compute.
        OversizeError: the network takes more memory than its file can need.
        OutsideError: its content lies in another file.
        UnknownOperationError: it has an operation that Keras 3 lacks.
        ChangedActivationError: it has an activation that Keras 3 computes otherwise.
        Exception: whatever Keras, zipfile, json and h5py raise at a file that is damaged or of another kind.
    """
    import h5py

    network = _load_hdf5(path) if h5py.is_hdf5(path) else _load_archive(path)
    if not hasattr(network, "inputs"):
        raise TypeError("it isn't a model")
    return network


def _load_archive(path: Path) -> Network:
    import keras

    with plain_archive(path) as archive:
        document = json.loads(read_config(archive))
        _require_harmless(document)
        document["compile_config"] = None
        _require_bounded(partial(keras.saving.deserialize_keras_object, document), path)
        with open_weights(archive), named(archive, "model.keras") as link:
            return keras.saving.load_model(link, compile=False, safe_mode=True)


def _load_hdf5(path: Path) -> Network:
    with open_weights(path) as file:
        text = file.attrs.get("model_config")
    if text is None or not len(text):
        raise ValueError("the file holds weights, but no network")
    document = json.loads(text)
    _require_harmless(document)
    build = partial(_built, upgrade(document))
    _require_bounded(build, path)
    network = build()
    with named(path, "model.h5") as link:
        network.load_weights(link)
    return network


def _built(document: dict[str, Any]) -> Network:
    """Makes a network with random weights; Keras changes what it reads, so it gets a copy."""
    import keras

    kind = keras.Sequential if document["class_name"] == "Sequential" else keras.Model
    return kind.from_config(copy.deepcopy(document["config"]))


def _require_bounded(build: Callable[[], Network], path: Path) -> None:
    """Builds a network without the memory of its weights, and measures it.

    Raises:
        OversizeError: its weights, or what a layer gives for one photo, take too much.
    """
    import keras

    try:
        with keras.StatelessScope(initialize_variables=False):
            network = build()
            weights = sum(math.prod(variable.shape) for variable in network.variables)
            largest = max((_elements(layer) for layer in _inner_layers(network)), default=0)
    finally:  # Keras remembers the variables, and would give them memory at the next occasion
        keras.utils.clear_session(free_memory=False)
    most = most_bytes(path)
    if 4 * weights > most:
        raise OversizeError(f"its weights would take {4 * weights / 1e6:,.0f} MB, {most / 1e6:,.0f} MB are allowed")
    if largest > _LARGEST_TENSOR:
        raise OversizeError(f"a layer gives {largest:,} numbers for one photo, {_LARGEST_TENSOR:,} are allowed")


def _inner_layers(network: Network) -> Iterator[Library]:
    for layer in network.layers:
        yield layer
        if getattr(layer, "layers", ()):
            yield from _inner_layers(layer)


def _elements(layer: Library) -> int:
    """How many numbers a layer gives for one photo; 0 if it is used several times or not at all."""
    import keras

    try:
        tensors = keras.tree.flatten(layer.output)
    except (AttributeError, ValueError):
        return 0
    return max((math.prod(length or 1 for length in tensor.shape) for tensor in tensors), default=0)


def _require_harmless(document: object) -> None:
    """Passes if a description, JSON, has no code in it and names none.

    Raises:
        CodeInsideError: it has code in it.
        NeedsCodeError: it names functions that Keras doesn't have.
        ReachesOutError: a layer does more than compute.
        OversizeError: it has too many parts.
    """
    for count, part in enumerate(_parts(document)):
        if count > _MOST_PARTS:
            raise OversizeError(f"its description has more than {_MOST_PARTS:,} parts")
        name, config = part["class_name"], part.get("config")
        if name == "__lambda__":
            raise CodeInsideError("a Lambda layer")
        if name == "Lambda" and isinstance(config, dict):
            _require_no_lambda(config)
        if name == "function" and not str(part.get("module") or "builtins").startswith(_KERAS_FUNCTIONS):
            raise NeedsCodeError(str(config))
        if name in _REACHING_OUT:
            raise ReachesOutError(f"its layer {name} {_REACHING_OUT[name]}")
        if name in _VOCABULARIES and isinstance(config, dict) and isinstance(config.get("vocabulary"), str):
            raise ReachesOutError(f"its layer {name} reads another file")


def _require_no_lambda(config: dict[str, Any]) -> None:
    function = config.get("function")
    if isinstance(function, list) or config.get("function_type") == "lambda":
        raise CodeInsideError("a Lambda layer")
    if isinstance(function, str):
        raise NeedsCodeError(function)


def _parts(document: object) -> Iterator[dict[str, Any]]:
    """Every layer, and everything else that a description gives a class, at whatever depth."""
    waiting = [document]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if isinstance(part.get("class_name"), str):
                yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
