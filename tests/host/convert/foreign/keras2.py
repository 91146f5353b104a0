"""Files as Keras 1 and 2 wrote them: a description in JSON, and weights in the order of the layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

SHAPE = (8, 10, 3)
"""The shape of the networks' input."""
PIXELS = np.random.default_rng(1).uniform(0, 255, (2, *SHAPE)).astype(np.float32)

Layer = dict[str, Any]


def write_h5(path: Path, model: Layer, weights: dict[str, list[np.ndarray]] | None = None) -> Path:
    """Writes a file with a network's description and the weights of its layers, by their names."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(model)
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights or {}]
        for name, arrays in (weights or {}).items():
            inner = group.create_group(name)
            inner.attrs["weight_names"] = [f"{name}/{k}:0".encode() for k in range(len(arrays))]
            for k, array in enumerate(arrays):
                inner[f"{name}/{k}:0"] = array
    return path


def layer(class_name: str, name: str, inbound: list[Any] | None = None, **config: Any) -> Layer:
    """The description of a layer; `inbound` makes it one of a functional model."""
    made = {"class_name": class_name, "config": {"name": name, **config}}
    return made if inbound is None else made | {"name": name, "inbound_nodes": inbound}


def of(name: str, **options: Any) -> list[Any]:
    """A reference to the first output of another layer, as an entry of a list of tensors."""
    return [[name, 0, 0, options]]


def functional(layers: list[Layer], output: str, name: str = "model") -> Layer:
    """A functional model of layers behind an input called `image`."""
    image = layer(
        "InputLayer", "image", [], batch_input_shape=[None, *SHAPE], dtype="float32", sparse=False, ragged=False
    )
    config = {"name": name, "layers": [image, *layers], "input_layers": [["image", 0, 0]]}
    return {"class_name": "Model", "config": config | {"output_layers": [[output, 0, 0]]}}


def sequential(layers: list[Layer], name: str = "sequential") -> Layer:
    """A Sequential of layers."""
    return {"class_name": "Sequential", "config": {"name": name, "layers": layers}}


def pooled() -> Layer:
    """A layer without weights that averages an image to columns."""
    return layer("GlobalAveragePooling2D", "pooled")
