"""Two `.tflite` files made one: what the first one gives is what the second one takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgetl.errors import ModelError
from edgetl.host.convert.tflite.edit_graph import pack, parse

_QUANTIZED = (schema.TensorType.UINT8, schema.TensorType.INT8)


def splice(body: bytes, tail: bytes, names: Sequence[str]) -> bytes:
    """Puts one network behind another; the body's weights stay bit for bit.

    Args:
        body: has outputs of these names, float32 or quantized to 8 bits.
        tail: takes float32 inputs in the order of the names; its outputs become the file's.
        names: of the body's outputs.

    Raises:
        ModelError: a file is not a model, or the body has other outputs.
    """
    one, two = parse(body), parse(tail)
    graph, more = one.subgraphs[0], two.subgraphs[0]
    by_name = {graph.tensors[index].name.decode(): int(index) for index in graph.outputs}
    if sorted(by_name) != sorted(names):
        what = f"the detector's outputs are {', '.join(by_name)}, not {' and '.join(names)}"
        raise ModelError(what, remedy="convert the model again")
    fed = [_real(one, by_name[name]) for name in names]
    places = _adopt_tensors(one, two, dict(zip(more.inputs.tolist(), fed, strict=True)))
    _adopt_operators(one, two, places)
    graph.outputs = places[more.outputs]
    if one.signatureDefs:
        signature = one.signatureDefs[0]
        signature.outputs = two.signatureDefs[0].outputs
        for entry in signature.outputs:
            entry.tensorIndex = int(places[entry.tensorIndex])
    return pack(one, len(body) + len(tail) + 4096)


def _real(model: schema.ModelT, index: int) -> int:
    """The tensor with another one's real numbers: itself, or what an operator added here makes of it."""
    graph = model.subgraphs[0]
    given = graph.tensors[index]
    if given.type not in _QUANTIZED:
        return index
    made = schema.TensorT(name=given.name + b"_real", shape=given.shape, type=schema.TensorType.FLOAT32, buffer=0)
    operator = schema.OperatorT(
        opcodeIndex=_code(model, schema.BuiltinOperator.DEQUANTIZE),
        inputs=np.array([index], np.int32),
        outputs=np.array([len(graph.tensors)], np.int32),
    )
    graph.tensors.append(made)
    graph.operators.append(operator)
    return len(graph.tensors) - 1


def _code(model: schema.ModelT, operator: int) -> int:
    code = schema.OperatorCodeT(deprecatedBuiltinCode=operator, builtinCode=operator, version=1)
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _adopt_tensors(model: schema.ModelT, tail: schema.ModelT, known: dict[int, int]) -> NDArray[np.int32]:
    """Takes over a tail's tensors, with their constants; returns where each one is now, -1 at the end for none."""
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
    first = len(model.operatorCodes)
    model.operatorCodes.extend(tail.operatorCodes)
    for operator in tail.subgraphs[0].operators:
        operator.opcodeIndex += first
        operator.inputs, operator.outputs = places[operator.inputs], places[operator.outputs]
        model.subgraphs[0].operators.append(operator)
