"""Joins two `.tflite` files into one: the outputs of the first become the inputs of the second."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgetl.errors import ModelError
from edgetl.host.convert.tflite.edit_graph import add_operator_code, pack, parse

_QUANTIZED = (schema.TensorType.UINT8, schema.TensorType.INT8)


def splice(body: bytes, tail: bytes, names: Sequence[str]) -> bytes:
    """Appends one network to another; the body's weights stay the same, bit for bit.

    Args:
        body: the content of a file whose outputs have these names, float32 or quantized to 8 bits.
        tail: the content of a file that takes float32 inputs in the order of the names; the result has its outputs.
        names: the names of the body's outputs.

    Raises:
        ModelError: a file is not a model, or the body has other outputs.
    """
    one, two = parse(body), parse(tail)
    graph, more = one.subgraphs[0], two.subgraphs[0]
    by_name = {graph.tensors[index].name.decode(): int(index) for index in graph.outputs}
    if sorted(by_name) != sorted(names):
        what = f"the detector's outputs are {', '.join(by_name)}, not {' and '.join(names)}"
        raise ModelError(what, remedy="convert the model again")
    fed = [_dequantized(one, by_name[name]) for name in names]
    places = _adopt_tensors(one, two, dict(zip(more.inputs.tolist(), fed, strict=True)))
    _adopt_operators(one, two, places)
    graph.outputs = places[more.outputs]
    if one.signatureDefs:
        signature = one.signatureDefs[0]
        signature.outputs = two.signatureDefs[0].outputs
        for entry in signature.outputs:
            entry.tensorIndex = int(places[entry.tensorIndex])
    return pack(one, len(body) + len(tail) + 4096)


def _dequantized(model: schema.ModelT, index: int) -> int:
    """Returns the index of a tensor's float32 form: the tensor itself, or the output of a new dequantization."""
    graph = model.subgraphs[0]
    tensor = graph.tensors[index]
    if tensor.type not in _QUANTIZED:
        return index
    dequantized = schema.TensorT(
        name=tensor.name + b"_real", shape=tensor.shape, type=schema.TensorType.FLOAT32, buffer=0
    )
    operator = schema.OperatorT(
        opcodeIndex=add_operator_code(model, schema.BuiltinOperator.DEQUANTIZE),
        inputs=np.array([index], np.int32),
        outputs=np.array([len(graph.tensors)], np.int32),
    )
    graph.tensors.append(dequantized)
    graph.operators.append(operator)
    return len(graph.tensors) - 1


def _adopt_tensors(model: schema.ModelT, tail: schema.ModelT, known: dict[int, int]) -> NDArray[np.int32]:
    """Moves the tail's tensors, with their constants, into the model.

    Args:
        model: the model, which is changed.
        tail: the model whose tensors are moved.
        known: the tail's inputs by their index, each with the index of the tensor of `model` that feeds it.

    Returns:
        The new index of each of the tail's tensors, (N + 1,) int32; the last entry, -1, is reached by the index -1,
        which marks a missing optional input.
    """
    graph, first = model.subgraphs[0], len(model.buffers)
    places = []
    for index, tensor in enumerate(tail.subgraphs[0].tensors):
        if index not in known:
            tensor.buffer += first
            graph.tensors.append(tensor)
        places.append(known.get(index, len(graph.tensors) - 1))
    model.buffers.extend(tail.buffers)
    return np.array([*places, -1], np.int32)


def _adopt_operators(model: schema.ModelT, tail: schema.ModelT, places: NDArray[np.int32]) -> None:
    """Moves the tail's operators into the model; `places` has the new index of each tensor, (N + 1,) int32."""
    first = len(model.operatorCodes)
    model.operatorCodes.extend(tail.operatorCodes)
    for operator in tail.subgraphs[0].operators:
        operator.opcodeIndex += first
        operator.inputs, operator.outputs = places[operator.inputs], places[operator.outputs]
        model.subgraphs[0].operators.append(operator)
