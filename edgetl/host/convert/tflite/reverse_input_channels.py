"""Reverses the input channels of a `.tflite` file, so that it takes BGR, as cameras give it, instead of RGB."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgetl.device.inference.channel_order import BGR_INPUT
from edgetl.host.convert.tflite.edit_graph import pack, parse


def reverse_input_channels(model: bytes) -> bytes:
    """Reverses the input channels of a file's first convolution, so that it takes BGR instead of RGB.

    A sum of integers doesn't depend on their order: the quantized file gives the same outputs, bit for bit, and edgetl
    saves a pass over the pixels of every frame.

    Args:
        model: the content of a file with one input of three channels.

    Returns:
        The new content, in which the input is called `BGR_INPUT`. It is `model` itself if the input goes anywhere else
        than into one convolution with 8-bit weights over all channels.

    Raises:
        ModelError: the bytes are not a model.
    """
    parsed = parse(model)
    graph = parsed.subgraphs[0]
    image = int(graph.inputs[0])
    readers = [operator for operator in graph.operators if image in operator.inputs]
    codes = [parsed.operatorCodes[operator.opcodeIndex].builtinCode for operator in readers]
    if codes != [schema.BuiltinOperator.CONV_2D]:
        return model
    kernel = graph.tensors[int(readers[0].inputs[1])]
    weights = parsed.buffers[kernel.buffer]
    if kernel.type != schema.TensorType.INT8 or kernel.shape[-1] != 3 or weights.data is None:
        return model
    weights.data = np.ascontiguousarray(np.asarray(weights.data).reshape(-1, 3)[:, ::-1]).reshape(-1)
    graph.tensors[image].name = BGR_INPUT.encode()
    return pack(parsed, len(model) + 4096)
