"""Puts the scaling of pixel values into a `.tflite` file, so that it takes raw pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgetl.host.convert.tflite.edit_graph import add_operator_code, pack, parse


def scale_input(model: bytes, mean: Sequence[float], std: Sequence[float]) -> bytes:
    """Computes (pixel - mean) / std before a file's input, so that the file takes raw pixels.

    Args:
        model: the content of a file with one float32 input, (1, H, W, C).
        mean: one value, or one for each channel, in pixel values 0..255.
        std: one value, or one for each channel, in pixel values 0..255; not 0.

    Returns:
        The new content; `model` itself if the scaling changes nothing.

    Raises:
        ModelError: the bytes are not a model.
    """
    if not any(mean) and all(value == 1 for value in std):
        return model
    parsed = parse(model)
    graph = parsed.subgraphs[0]
    old = int(graph.inputs[0])
    deviation = np.array(std, np.float32)
    slope, shift = np.float32(1) / deviation, -np.array(mean, np.float32) / deviation
    image, scaled = (_add_tensor_like(parsed, old, name) for name in (b"image", b"scaled"))
    product = _operator(parsed, schema.BuiltinOperator.MUL, (image, _add_constant(parsed, slope)), scaled)
    total = _operator(parsed, schema.BuiltinOperator.ADD, (scaled, _add_constant(parsed, shift)), old)
    graph.operators = [product, total, *graph.operators]
    graph.inputs = np.array([image], np.int32)
    for entry in (entry for signature in parsed.signatureDefs or [] for entry in signature.inputs):
        entry.tensorIndex = image if entry.tensorIndex == old else entry.tensorIndex
    return pack(parsed, len(model) + 4096)


def _add_tensor_like(parsed: schema.ModelT, index: int, name: bytes) -> int:
    """Adds a float tensor with the shape of another one; returns its index."""
    tensors = parsed.subgraphs[0].tensors
    tensor = schema.TensorT(
        shape=tensors[index].shape, shapeSignature=tensors[index].shapeSignature, buffer=0, name=name
    )
    tensors.append(tensor)
    return len(tensors) - 1


def _add_constant(parsed: schema.ModelT, values: NDArray[np.float32]) -> int:
    """Adds a constant tensor, (C,) float32; returns its index."""
    tensors = parsed.subgraphs[0].tensors
    parsed.buffers.append(schema.BufferT(np.frombuffer(values.astype("<f4").tobytes(), np.uint8)))
    shape = np.array([len(values)], np.int32)
    tensors.append(schema.TensorT(shape=shape, buffer=len(parsed.buffers) - 1, name=b"scaling"))
    return len(tensors) - 1


def _operator(parsed: schema.ModelT, code: int, inputs: Sequence[int], output: int) -> schema.OperatorT:
    """Returns a multiplication or an addition of two tensors."""
    multiplies = code == schema.BuiltinOperator.MUL
    kind = schema.BuiltinOptions.MulOptions if multiplies else schema.BuiltinOptions.AddOptions
    return schema.OperatorT(
        opcodeIndex=add_operator_code(parsed, code),
        inputs=np.array(inputs, np.int32),
        outputs=np.array([output], np.int32),
        builtinOptionsType=kind,
        builtinOptions=schema.MulOptionsT() if multiplies else schema.AddOptionsT(),
    )
