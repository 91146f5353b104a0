"""Reads the layers of Keras 2 that stand for one operation of TensorFlow, with its tensors and constants."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

Config = dict[str, Any]
"""A part of a network's description: JSON values by their names."""

TensorReference = list[Any]
"""A tensor in a description: a layer's name, the number of its call, the number of the output, and further entries."""


@dataclass(frozen=True, slots=True)
class Call:
    """One operation on the tensors of other layers.

    Attributes:
        name: the name of the operation's layer.
        operation: the operation's name in TensorFlow 2, without `tf.`.
        operands: the tensors (each a `Tensor`) and constants that the operation works on, in order.
        options: the operation's other arguments, by their names.
    """

    name: str
    operation: str
    operands: tuple[object, ...]
    options: Config

    @property
    def tensors(self) -> list[Tensor]:
        """The operands that are tensors."""
        return [operand for operand in self.operands if isinstance(operand, Tensor)]


@dataclass(frozen=True, slots=True)
class Tensor:
    """An output of another layer.

    Attributes:
        layer: the layer's name.
        call: the number of the layer's call, from 0.
        output: the number of the output, from 0.
    """

    layer: str
    call: int
    output: int


def operation_name(layer: Config) -> str:
    """Returns the name of an operation layer's operation as TensorFlow's documentation has it, for messages."""
    if layer["class_name"] == "TensorFlowOpLayer":
        return str(_node_def(layer).get("op"))
    return f"tf.{layer['config'].get('function')}"


def _node_def(layer: Config) -> Config:
    text = layer["config"].get("node_def", "{}")
    parsed = json.loads(text) if isinstance(text, str) else text
    return parsed if isinstance(parsed, dict) else {}


def parse_call(layer: Config, node: TensorReference) -> Call:
    """Reads one call of an operation layer.

    Args:
        layer: the layer's description.
        node: the entry of the layer's `inbound_nodes` for this call.
    """
    config = layer["config"]
    name = str(layer.get("name") or config["name"])
    if layer["class_name"] == "TensorFlowOpLayer":
        return _of_node_def(name, _node_def(layer), config.get("constants") or {}, node)
    several = bool(node) and isinstance(node[0], list)
    first = node[0] if several else node
    options = dict(first[3]) if len(first) > 3 else {}
    operands: list[object] = [_operand(part) for part in (node if several else [node])]
    operands += [_operand(options.pop(key)) for key in ("y", "bias") if key in options]
    return Call(name, str(config.get("function")), tuple(operands), options)


def _operand(part: object) -> object:
    """Returns a tensor, or the constant that replaces one."""
    if isinstance(part, list) and len(part) >= 3 and isinstance(part[0], str):
        return part[2] if part[0] == "_CONSTANT_VALUE" else Tensor(part[0], int(part[1]), int(part[2]))
    return part


def _of_node_def(name: str, definition: Config, constants: Config, node: TensorReference) -> Call:
    """Reads an operation of a TensorFlow 1 graph.

    Args:
        name: the layer's name.
        definition: the operation's node in the graph.
        constants: the operands that are constants, by their positions.
        node: the entry of the layer's `inbound_nodes`.
    """
    tensors = iter([_operand(part) for part in node])
    places = {int(place): value for place, value in constants.items()}
    count = len(node) + len(places)
    operands = [places[place] if place in places else next(tensors) for place in range(count)]
    operation = _GRAPH_NAMES.get(str(definition.get("op")), "")
    if operation == "__operators__.getitem":
        return Call(name, operation, tuple(operands[:1]), {"slice_spec": _slices(definition, operands[1:])})
    options: Config = {}
    if operation in ("math.reduce_mean", "concat"):  # a graph has the axis as the last operand
        options["axis"] = operands.pop()
    if operation == "math.reduce_mean":
        options["keepdims"] = bool(definition.get("attr", {}).get("keep_dims", {}).get("b"))
    if operation == "cast":
        options["dtype"] = str(definition.get("attr", {}).get("DstT", {}).get("type"))
    return Call(name, operation, tuple(operands), options)


def _slices(definition: Config, bounds: list[object]) -> list[Config]:
    """Returns a slice that reverses the channels, as later versions of Keras 2 describe it; empty for other slices."""
    masks = definition.get("attr", {})
    ellipsis = int(masks.get("ellipsis_mask", {}).get("i", 0))
    open_ends = all(int(masks.get(key, {}).get("i", 0)) & 2 for key in ("begin_mask", "end_mask"))
    reverse = len(bounds) == 3 and bounds[2] == [1, -1]
    return REVERSED if ellipsis == 1 and open_ends and reverse else []


REVERSED: list[Config] = [{"class_name": "__ellipsis__"}, {"start": None, "stop": None, "step": -1}]
"""The description of the slice `[..., ::-1]` in Keras 2, which reverses the input channels."""

_GRAPH_NAMES = {
    "Add": "add",
    "AddV2": "add",
    "BiasAdd": "nn.bias_add",
    "Sub": "subtract",
    "Mul": "multiply",
    "RealDiv": "divide",
    "Neg": "math.negative",
    "Mean": "math.reduce_mean",
    "ConcatV2": "concat",
    "StridedSlice": "__operators__.getitem",
    "Cast": "cast",
    "Identity": "identity",
    "Relu": "nn.relu",
    "Relu6": "nn.relu6",
    "Softmax": "nn.softmax",
    "Sigmoid": "nn.sigmoid",
    "Tanh": "nn.tanh",
}
"""The TensorFlow 2 names of operations, by their names in a TensorFlow 1 graph."""
