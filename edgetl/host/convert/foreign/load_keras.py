"""Builds networks from Keras files of others without running their code or allocating more memory than they need."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from edgetl.host.convert.foreign.keras_protocols import Layer
from edgetl.host.convert.foreign.operation_calls import Config
from edgetl.host.convert.foreign.refuse_code import refuse_code
from edgetl.host.convert.foreign.upgrade_keras import upgrade
from edgetl.host.networks.keras_file import OversizeError, most_bytes, named, open_weights, plain_archive, read_config
from edgetl.host.networks.untyped import Network

_LARGEST_TENSOR = 1 << 25
"""A layer's output for one photo may have at most this many numbers, because 64 photos are processed together."""


def load_keras_file(path: Path) -> Network:
    """Builds the network of a `.keras` or `.h5` file.

    Args:
        path: the file.

    Raises:
        CodeInsideError: the file contains code.
        NeedsCodeError: the file names code that isn't in it.
        ReachesOutError: the network does more than compute.
        OversizeError: the network takes more memory than its file can need.
        OutsideError: the file's content is stored in another file.
        UnknownOperationError: the network has an operation that Keras 3 lacks.
        ChangedActivationError: the network has an activation that Keras 3 computes differently.
        Exception: Keras, zipfile, json and h5py raise errors of their own if a file is damaged or of another kind.
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
        refuse_code(document)
        document["compile_config"] = None
        _require_bounded(partial(keras.saving.deserialize_keras_object, document), path)
        with open_weights(archive), named(archive, "model.keras") as link:
            network: Network = keras.saving.load_model(link, compile=False, safe_mode=True)
            return network


def _load_hdf5(path: Path) -> Network:
    with open_weights(path) as file:
        text = file.attrs.get("model_config")
    if text is None or not len(text):
        raise ValueError("the file holds weights, but no network")
    document = json.loads(text)
    refuse_code(document)
    build = partial(_build, upgrade(document))
    _require_bounded(build, path)
    network = build()
    with named(path, "model.h5") as link:
        network.load_weights(link)
    return network


def _build(document: Config) -> Network:
    """Builds a network with random weights from a copy of its description, because Keras changes what it reads."""
    import keras

    kind = keras.Sequential if document["class_name"] == "Sequential" else keras.Model
    network: Network = kind.from_config(copy.deepcopy(document["config"]))
    return network


def _require_bounded(build: Callable[[], Network], path: Path) -> None:
    """Builds a network without memory for its weights, and checks its size.

    Args:
        build: the function that builds the network.
        path: the network's file, whose size limits that of the weights.

    Raises:
        OversizeError: the weights, or a layer's output for one photo, are too large.
    """
    import keras

    try:
        with keras.StatelessScope(initialize_variables=False):
            network = build()
            weights = sum(math.prod(variable.shape) for variable in network.variables)
            largest = max((_output_numbers(layer) for layer in _inner_layers(network)), default=0)
    finally:  # Keras keeps the variables and would allocate their memory later
        keras.utils.clear_session(free_memory=False)
    most = most_bytes(path)
    if 4 * weights > most:
        raise OversizeError(f"its weights would take {4 * weights / 1e6:,.0f} MB, {most / 1e6:,.0f} MB are allowed")
    if largest > _LARGEST_TENSOR:
        raise OversizeError(f"a layer gives {largest:,} numbers for one photo, {_LARGEST_TENSOR:,} are allowed")


def _inner_layers(network: Network) -> Iterator[Layer]:
    """Yields every layer of a network, and the layers of the networks inside it."""
    for layer in network.layers:
        yield layer
        if getattr(layer, "layers", ()):
            yield from _inner_layers(layer)


def _output_numbers(layer: Layer) -> int:
    """Returns how many numbers a layer gives for one photo; 0 if it is used several times or not at all."""
    import keras

    try:
        tensors = keras.tree.flatten(layer.output)
    except (AttributeError, ValueError):
        return 0
    return max((math.prod(length or 1 for length in tensor.shape) for tensor in tensors), default=0)
