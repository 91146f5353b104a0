"""Weights files of any Keras, with or without a top, into a backbone: by kind of layer, in order, shapes checked.

Keras 1 and 2 name every layer in an `.h5` file, Keras 3 numbers them in a `.weights.h5` (which a `.keras` file holds
too), and the same network has had other layer names over the years. What never changes is the order of its
convolutions, depthwise convolutions and batch normalizations, and their shapes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import ModelError
from edgetl.host.networks.keras_file import open_weights, require_content
from edgetl.host.networks.untyped import Library, Network
from edgetl.text import first_line

Kind = Literal["conv", "depthwise", "norm", "dense"]
Arrays = list[NDArray[Any]]
Layers = dict[Kind, list[Arrays]]
"""The arrays of each layer of a kind, in the network's order."""

_KERAS3_KINDS: dict[str, Kind] = {
    "conv2d": "conv",
    "depthwise_conv2d": "depthwise",
    "batch_normalization": "norm",
    "dense": "dense",
}


def load_backbone_weights(backbone: Network, path: Path) -> None:
    """Copies the weights of a file into a backbone; what the file has beyond the backbone is left out.

    Args:
        backbone: a `keras.Model`.
        path: `.h5`, `.weights.h5` or `.keras`.

    Raises:
        ModelError: the file isn't there, isn't such a file, or is of another network or width.
    """
    found = read_layers(path)
    layers = [(layer, kind) for layer in backbone.layers if layer.weights and (kind := _kind(layer))]
    for kind, count in Counter(kind for _, kind in layers).items():
        if len(found[kind]) < count:
            raise _misfit(path, f"it has {len(found[kind])} {kind} layers, the backbone {count}")
    rows = {kind: iter(arrays) for kind, arrays in found.items()}
    pairs = _fold_biases([(layer, next(rows[kind])) for layer, kind in layers])
    for layer, arrays in pairs:
        shapes, given = [tuple(w.shape) for w in layer.weights], [array.shape for array in arrays]
        if shapes != given:
            raise _misfit(path, f"the layer {layer.name} takes {shapes}, the file has {given}")
    for layer, arrays in pairs:
        layer.set_weights(arrays)


def read_layers(path: Path) -> Layers:
    """Reads the weights of every layer in a file.

    Raises:
        ModelError: the file isn't there or isn't a Keras weights file.
    """
    require_file(path)
    require_content(path)
    try:
        with open_weights(path) as file:
            root = file.get("model_weights", file)
            named = "layer_names" in root.attrs
            layers = _collect(_keras2_layers(root) if named else _keras3_layers(file))
    except Exception as error:  # h5py and zipfile raise dozens of kinds at a damaged file
        remedy = "give an .h5, .weights.h5 or .keras file that Keras saved"
        what = f"not a Keras weights file: {first_line(error)}"
        raise ModelError(what, where=str(path), remedy=remedy) from error
    if not any(layers.values()):
        raise ModelError("the file holds no weights", where=str(path), remedy="give a file that Keras saved")
    return layers


def require_file(path: Path) -> None:
    """Passes where there is a file.

    Raises:
        ModelError: there is none.
    """
    if not path.is_file():
        raise ModelError("there is no such weights file", where=str(path), remedy="check the path given to --weights")


def _collect(layers: Iterator[tuple[Kind, Arrays]]) -> Layers:
    result: Layers = {"conv": [], "depthwise": [], "norm": [], "dense": []}
    for kind, arrays in layers:
        result[kind].append(arrays)
    return result


def _keras2_layers(root: Library) -> Iterator[tuple[Kind, Arrays]]:
    for layer_name in root.attrs["layer_names"]:
        group = root[_text(layer_name)]
        # A network within a network is one layer here; its own layers are told apart by their weights' paths.
        inner: dict[str, dict[str, NDArray[Any]]] = {}
        for name in map(_text, group.attrs["weight_names"]):
            owner, _, weight = name.rpartition("/")
            inner.setdefault(owner, {})[weight] = np.asarray(group[name])
        for arrays in inner.values():
            if kind := _keras2_kind(arrays):
                yield kind, list(arrays.values())


def _keras2_kind(arrays: dict[str, NDArray[Any]]) -> Kind | None:
    if any(name.startswith("moving_variance") for name in arrays):
        return "norm"
    name, first = next(iter(arrays.items()))
    # Keras 3 calls a depthwise kernel just `kernel`; its one column tells it from a convolution's.
    if "depthwise" in name or (first.ndim == 4 and first.shape[3] == 1 < first.shape[0]):
        return "depthwise"
    return {4: "conv", 2: "dense"}.get(first.ndim)  # type: ignore[return-value]


def _keras3_layers(file: Library) -> Iterator[tuple[Kind, Arrays]]:
    groups: list[str] = []
    file.visititems(lambda name, item: groups.append(name) if name.endswith("vars") and len(item) else None)
    for name in sorted(groups, key=_natural):
        # Early versions wrote `layers\conv2d/vars` on Windows.
        layer = re.sub(r"_\d+$", "", re.split(r"[/\\]", name)[-2])
        if name.startswith(("layers", "_layer")) and layer in _KERAS3_KINDS:
            variables = file[name]
            yield _KERAS3_KINDS[layer], [np.asarray(variables[k]) for k in sorted(variables, key=int)]


def _kind(layer: Library) -> Kind | None:
    kinds: dict[str, Kind] = {"Conv2D": "conv", "DepthwiseConv2D": "depthwise", "BatchNormalization": "norm"}
    return kinds.get(type(layer).__name__)


def _fold_biases(pairs: Sequence[tuple[Library, Arrays]]) -> list[tuple[Library, Arrays]]:
    """Moves the bias of a convolution that has none in the backbone into the normalization behind it.

    Normalizing x + bias with a mean m is normalizing x with the mean m - bias.
    """
    result, bias = [], None
    for layer, arrays in pairs:
        if len(arrays) == 2 and len(layer.weights) == 1:
            arrays, bias = arrays[:1], arrays[1]
        elif bias is not None and _kind(layer) == "norm" and len(arrays) == 4 and bias.shape == arrays[2].shape:
            gamma, beta, mean, variance = arrays
            arrays, bias = [gamma, beta, mean - bias, variance], None
        result.append((layer, arrays))
    return result


def _misfit(path: Path, what: str) -> ModelError:
    remedy = "choose the --backbone and --alpha that the file was made with"
    return ModelError(f"the weights don't fit the backbone: {what}", where=str(path), remedy=remedy)


def _natural(text: str) -> list[tuple[str, int]]:
    return [(head, int(number or 0)) for head, number in re.findall(r"(\D*)(\d*)", text)]


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
