"""Weights files of any Keras, with or without a top, into a backbone: by kind of layer, in order, shapes checked.

Keras 1 and 2 name every layer in an `.h5` file, Keras 3 numbers them in a `.weights.h5` (which a `.keras` file holds
too), and the same network has had other layer names over the years. What never changes is the order of its
convolutions, depthwise convolutions and batch normalizations, and their shapes.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import ModelError
from edgetl.host.untyped import Library, Network

Kind = Literal["conv", "depthwise", "norm", "dense"]
Layers = dict[Kind, list[list[NDArray[Any]]]]
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
    wanted = _backbone_layers(backbone)
    for kind, layers in wanted.items():
        have = found.get(kind, [])
        if len(have) < len(layers):
            raise _misfit(path, f"it has {len(have)} {kind} layers, the backbone {len(layers)}")
        for layer, arrays in zip(layers, have, strict=False):
            shapes = [tuple(w.shape) for w in layer.weights]
            given = [array.shape for array in arrays]
            if shapes != given:
                raise _misfit(path, f"the layer {layer.name} takes {shapes}, the file has {given}")
    for kind, layers in wanted.items():
        for layer, arrays in zip(layers, found[kind], strict=False):
            layer.set_weights(arrays)


def read_layers(path: Path) -> Layers:
    """Reads the weights of every layer in a file.

    Raises:
        ModelError: the file isn't there or isn't a Keras weights file.
    """
    import h5py

    if not path.is_file():
        raise ModelError("there is no such weights file", where=str(path), remedy="check the path given to --weights")
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                data = archive.read("model.weights.h5")
            with h5py.File(io.BytesIO(data)) as file:
                return _collect(_keras3_layers(file))
        with h5py.File(path) as file:
            root = file.get("model_weights", file)
            named = "layer_names" in root.attrs
            layers = _collect(_keras2_layers(root) if named else _keras3_layers(file))
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        remedy = "give an .h5, .weights.h5 or .keras file that Keras saved"
        raise ModelError(f"not a Keras weights file: {error}", where=str(path), remedy=remedy) from error
    if not any(layers.values()):
        raise ModelError("the file holds no weights", where=str(path), remedy="give a file that Keras saved")
    return layers


def _collect(layers: Iterator[tuple[Kind, list[NDArray[Any]]]]) -> Layers:
    result: Layers = {"conv": [], "depthwise": [], "norm": [], "dense": []}
    for kind, arrays in layers:
        result[kind].append(arrays)
    return result


def _keras2_layers(root: Library) -> Iterator[tuple[Kind, list[NDArray[Any]]]]:
    for layer_name in root.attrs["layer_names"]:
        group = root[_text(layer_name)]
        arrays = [np.asarray(group[_text(name)]) for name in group.attrs["weight_names"]]
        names = " ".join(map(_text, group.attrs["weight_names"]))
        if arrays and (kind := _keras2_kind(names, arrays)):
            yield kind, arrays


def _keras2_kind(names: str, arrays: list[NDArray[Any]]) -> Kind | None:
    if "depthwise_kernel" in names:
        return "depthwise"
    if "moving_variance" in names:
        return "norm"
    return {4: "conv", 2: "dense"}.get(arrays[0].ndim)  # type: ignore[return-value]


def _keras3_layers(file: Library) -> Iterator[tuple[Kind, list[NDArray[Any]]]]:
    groups: list[str] = []
    file.visititems(lambda name, item: groups.append(name) if name.endswith("vars") and len(item) else None)
    for name in sorted(groups, key=_natural):
        layer = re.sub(r"_\d+$", "", name.split("/")[-2])
        if name.startswith(("layers", "_layer")) and layer in _KERAS3_KINDS:
            variables = file[name]
            yield _KERAS3_KINDS[layer], [np.asarray(variables[k]) for k in sorted(variables, key=int)]


def _backbone_layers(backbone: Network) -> dict[Kind, list[Any]]:
    result: dict[Kind, list[Any]] = {"conv": [], "depthwise": [], "norm": []}
    for layer in backbone.layers:
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(layer).__name__).lower()
        kind = {"conv2_d": "conv", "depthwise_conv2_d": "depthwise", "batch_normalization": "norm"}.get(name)
        if kind and layer.weights:
            result[kind].append(layer)  # type: ignore[index]
    return result


def _misfit(path: Path, what: str) -> ModelError:
    remedy = "choose the --backbone and --alpha that the file was made with"
    return ModelError(f"the weights don't fit the backbone: {what}", where=str(path), remedy=remedy)


def _natural(text: str) -> list[tuple[str, int]]:
    return [(head, int(number or 0)) for head, number in re.findall(r"(\D*)(\d*)", text)]


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
