"""Loads the weights files of any Keras version into a backbone: by kind of layer, in order, with shapes checked.

Keras 1 and 2 name every layer in an `.h5` file. Keras 3 numbers the layers in a `.weights.h5` file, which a `.keras`
file also contains. The same network has had other layer names over the years. What never changes is the order of its
convolutions, depthwise convolutions and batch normalizations, and their shapes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import ModelError
from edgetl.host.networks.keras_file import open_weights, require_content
from edgetl.host.networks.untyped import HdfGroup, Layer, Network
from edgetl.text import first_line

Kind = Literal["conv", "depthwise", "norm", "dense"]
"""A kind of layer that has weights."""
Arrays = list[NDArray[np.generic]]
"""The weights of a layer, in Keras's order."""
Layers = dict[Kind, list[Arrays]]
"""The weights of the layers of each kind, in the network's order."""

_KERAS2_DIMENSIONS: dict[int, Kind] = {4: "conv", 2: "dense"}
"""The kind of a Keras 2 layer by the dimensions of its kernel."""
_KERAS3_KINDS: dict[str, Kind] = {
    "conv2d": "conv",
    "depthwise_conv2d": "depthwise",
    "batch_normalization": "norm",
    "dense": "dense",
}
"""The kind of a layer by the name of its group in a Keras 3 file."""
_CLASSES: dict[str, Kind] = {"Conv2D": "conv", "DepthwiseConv2D": "depthwise", "BatchNormalization": "norm"}
"""The kind of a backbone's layer by its class."""


def load_backbone_weights(backbone: Network, path: Path) -> None:
    """Copies the weights of a file into a backbone; layers that the file has behind the backbone are left out.

    Args:
        backbone: the `keras.Model`, which is changed.
        path: the `.h5`, `.weights.h5` or `.keras` file.

    Raises:
        ModelError: the file isn't there, isn't a weights file, or is of another network or width.
    """
    found = read_layers(path)
    layers = [(layer, kind) for layer in backbone.layers if layer.weights and (kind := _kind(layer))]
    for kind, count in Counter(kind for _, kind in layers).items():
        if len(found[kind]) < count:
            raise _misfit(path, f"it has {len(found[kind])} {kind} layers, the backbone {count}")
    rows = {kind: iter(arrays) for kind, arrays in found.items()}
    pairs = _fold_biases([(layer, next(rows[kind])) for layer, kind in layers])
    for layer, arrays in pairs:
        expected, actual = [tuple(w.shape) for w in layer.weights], [array.shape for array in arrays]
        if expected != actual:
            raise _misfit(path, f"the layer {layer.name} takes {expected}, the file has {actual}")
    for layer, arrays in pairs:
        layer.set_weights(arrays)


def read_layers(path: Path) -> Layers:
    """Reads the weights of every layer in a file: arrays of each layer's shapes, in the file's float type.

    Raises:
        ModelError: the file isn't there or isn't a Keras weights file.
    """
    require_file(path)
    require_content(path)
    try:
        with open_weights(path) as file:
            root = file.get("model_weights", file)
            named = "layer_names" in root.attrs
            layers = _group_by_kind(_keras2_layers(root) if named else _keras3_layers(file))
    except Exception as error:  # h5py and zipfile raise dozens of kinds at a damaged file
        remedy = "give an .h5, .weights.h5 or .keras file that Keras saved"
        what = f"not a Keras weights file: {first_line(error)}"
        raise ModelError(what, where=str(path), remedy=remedy) from error
    if not any(layers.values()):
        raise ModelError("the file holds no weights", where=str(path), remedy="give a file that Keras saved")
    return layers


def require_file(path: Path) -> None:
    """Passes if the weights file exists.

    Raises:
        ModelError: the file doesn't exist.
    """
    if not path.is_file():
        raise ModelError("there is no such weights file", where=str(path), remedy="check the path given to --weights")


def _group_by_kind(layers: Iterator[tuple[Kind, Arrays]]) -> Layers:
    result: Layers = {"conv": [], "depthwise": [], "norm": [], "dense": []}
    for kind, arrays in layers:
        result[kind].append(arrays)
    return result


def _keras2_layers(root: HdfGroup) -> Iterator[tuple[Kind, Arrays]]:
    """Yields the layers of a file that names them, in the network's order."""
    for layer_name in root.attrs["layer_names"]:
        group = root[_decode(layer_name)]
        # A nested network is one layer in the file; its own layers are distinguished by the paths of their weights.
        inner: dict[str, dict[str, NDArray[np.generic]]] = {}
        for name in map(_decode, group.attrs["weight_names"]):
            owner, _, weight = name.rpartition("/")
            inner.setdefault(owner, {})[weight] = np.asarray(group[name])
        for arrays in inner.values():
            if kind := _keras2_kind(arrays):
                yield kind, list(arrays.values())


def _keras2_kind(arrays: dict[str, NDArray[np.generic]]) -> Kind | None:
    """Returns the kind of a layer by the names and shapes of its weights; None for a layer of another kind."""
    if any(name.startswith("moving_variance") for name in arrays):
        return "norm"
    name, first = next(iter(arrays.items()))
    # Keras 3 calls a depthwise kernel just `kernel`; it has a single column, unlike a convolution's.
    if "depthwise" in name or (first.ndim == 4 and first.shape[3] == 1 < first.shape[0]):
        return "depthwise"
    return _KERAS2_DIMENSIONS.get(first.ndim)


def _keras3_layers(file: HdfGroup) -> Iterator[tuple[Kind, Arrays]]:
    """Yields the layers of a file that numbers them, in the network's order."""
    groups: list[str] = []
    file.visititems(lambda name, item: groups.append(name) if name.endswith("vars") and len(item) else None)
    for name in sorted(groups, key=_natural_order):
        # Early versions wrote `layers\conv2d/vars` on Windows.
        layer = re.sub(r"_\d+$", "", re.split(r"[/\\]", name)[-2])
        if name.startswith(("layers", "_layer")) and layer in _KERAS3_KINDS:
            variables = file[name]
            yield _KERAS3_KINDS[layer], [np.asarray(variables[k]) for k in sorted(variables, key=int)]


def _kind(layer: Layer) -> Kind | None:
    return _CLASSES.get(type(layer).__name__)


def _fold_biases(pairs: Sequence[tuple[Layer, Arrays]]) -> list[tuple[Layer, Arrays]]:
    """Moves the bias of a convolution that has none in the backbone into the normalization behind it.

    To normalize x + bias with a mean m is to normalize x with the mean m - bias.
    """
    result: list[tuple[Layer, Arrays]] = []
    bias: NDArray[np.floating] | None = None
    for layer, arrays in pairs:
        folded = arrays
        if len(arrays) == 2 and len(layer.weights) == 1:
            folded, bias = arrays[:1], np.asarray(arrays[1])
        elif bias is not None and _kind(layer) == "norm" and len(arrays) == 4 and bias.shape == arrays[2].shape:
            gamma, beta, mean, variance = arrays
            folded, bias = [gamma, beta, np.subtract(mean, bias), variance], None
        result.append((layer, folded))
    return result


def _misfit(path: Path, reason: str) -> ModelError:
    remedy = "choose the --backbone and --alpha that the file was made with"
    return ModelError(f"the weights don't fit the backbone: {reason}", where=str(path), remedy=remedy)


def _natural_order(text: str) -> list[tuple[str, int]]:
    """Returns a sorting key that puts `conv2d_10` behind `conv2d_9`."""
    return [(head, int(number or 0)) for head, number in re.findall(r"(\D*)(\d*)", text)]


def _decode(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
