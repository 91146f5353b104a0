"""A `.tflite` file taken apart and put together again, as TensorFlow's `schema.fbs` has it."""

from __future__ import annotations

from collections.abc import Sequence

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgetl.device.inference.channel_order import BGR_INPUT
from edgetl.errors import ModelError
from edgetl.install import install_command


def parse(model: bytes) -> schema.ModelT:
    """Takes a file apart.

    Raises:
        ModelError: the bytes are not a model, or one whose weights lie outside of it (above 2 GB).
    """
    if model[4:8] != b"TFL3":
        raise ModelError("this is not a .tflite model", remedy="convert the model again")
    parsed = schema.ModelT.InitFromPackedBuf(model)
    if any(buffer.offset > 1 for buffer in parsed.buffers):
        raise ModelError("the model's weights lie behind it", remedy="convert a model below 2 GB")
    return parsed


def pack(parsed: schema.ModelT, size: int) -> bytes:
    """Puts a file together; the same for the same parts.

    Args:
        parsed: see `parse`.
        size: about how many bytes it takes.
    """
    builder = _ModelBuilder(size)
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class _ModelBuilder(flatbuffers.Builder):  # type: ignore[misc] # flatbuffers has no types
    """Keeps each buffer of weights at a multiple of 16 bytes.

    The schema demands that alignment, kernels rely on it in a memory-mapped file, and Python's generated code
    forgets it.
    """

    def CreateNumpyVector(self, x: NDArray[np.generic]) -> int:  # noqa: N802 - the library's name
        if x.dtype == np.uint8:
            self.Prep(16, x.nbytes)
        return int(super().CreateNumpyVector(x))


def name_outputs(model: bytes, names: Sequence[str]) -> bytes:
    """Names a file's outputs and brings them into order.

    The converter gives outputs names of its own and whatever order suits it, and their shapes may be equal. Which is
    which it does tell, in the file's signature: `output_0` is the Keras model's first one, and so on.

    Args:
        model: as the converter made it of a `keras.Model` with a list of outputs.
        names: of the Keras model's outputs, in its order; tensors and signature get them.

    Raises:
        ModelError: the file doesn't tell its outputs apart.
    """
    parsed = parse(model)
    signatures = parsed.signatureDefs or []
    told = {entry.name.decode(): entry for signature in signatures[:1] for entry in signature.outputs}
    if sorted(told) != [f"output_{i}" for i in range(len(names))]:
        what = f"the converter's file doesn't tell its outputs apart: its signature has {sorted(told) or 'none'}"
        raise ModelError(what, remedy=f"{install_command('train')}, then convert again")
    signature = signatures[0]
    graph = parsed.subgraphs[signature.subgraphIndex]
    entries = [told[f"output_{i}"] for i in range(len(names))]
    for entry, name in zip(entries, names, strict=True):
        entry.name = graph.tensors[entry.tensorIndex].name = name.encode()
    signature.outputs = entries
    graph.outputs = np.array([entry.tensorIndex for entry in entries], np.int32)
    return pack(parsed, len(model) + 4096)


def take_bgr(model: bytes) -> bytes:
    """Turns the channels of a file's first convolution around, so that it takes BGR where it took RGB.

    Sums of integers don't depend on their order: a quantized file answers the same, bit for bit, and whoever feeds it
    is spared a pass over the pixels.

    Args:
        model: of one input of three channels.

    Returns:
        The file's new content, its input called `BGR_INPUT`; `model` itself where something else than one convolution
        of 8-bit weights over all channels looks at its input.

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


def scale_input(model: bytes, mean: Sequence[float], std: Sequence[float]) -> bytes:
    """Puts (pixel - mean) / std before a file's input, so that it takes raw pixels.

    Args:
        model: of one float32 input, (1, H, W, C).
        mean: one value, or one a channel.
        std: likewise.

    Returns:
        The file's new content; `model` itself where nothing would be changed.

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
    image, scaled = (_like(parsed, old, name) for name in (b"image", b"scaled"))
    product = _affine_operator(parsed, schema.BuiltinOperator.MUL, (image, _constant(parsed, slope)), scaled)
    total = _affine_operator(parsed, schema.BuiltinOperator.ADD, (scaled, _constant(parsed, shift)), old)
    graph.operators = [product, total, *graph.operators]
    graph.inputs = np.array([image], np.int32)
    for entry in (entry for signature in parsed.signatureDefs or [] for entry in signature.inputs):
        entry.tensorIndex = image if entry.tensorIndex == old else entry.tensorIndex
    return pack(parsed, len(model) + 4096)


def _like(parsed: schema.ModelT, index: int, name: bytes) -> int:
    """Adds a float tensor of another one's shape; returns its index."""
    tensors = parsed.subgraphs[0].tensors
    tensor = schema.TensorT(
        shape=tensors[index].shape, shapeSignature=tensors[index].shapeSignature, buffer=0, name=name
    )
    tensors.append(tensor)
    return len(tensors) - 1


def _constant(parsed: schema.ModelT, values: NDArray[np.float32]) -> int:
    tensors = parsed.subgraphs[0].tensors
    parsed.buffers.append(schema.BufferT(np.frombuffer(values.astype("<f4").tobytes(), np.uint8)))
    shape = np.array([len(values)], np.int32)
    tensors.append(schema.TensorT(shape=shape, buffer=len(parsed.buffers) - 1, name=b"scaling"))
    return len(tensors) - 1


def _affine_operator(parsed: schema.ModelT, code: int, inputs: Sequence[int], output: int) -> schema.OperatorT:
    parsed.operatorCodes.append(schema.OperatorCodeT(deprecatedBuiltinCode=code, builtinCode=code, version=1))
    multiplies = code == schema.BuiltinOperator.MUL
    kind = schema.BuiltinOptions.MulOptions if multiplies else schema.BuiltinOptions.AddOptions
    return schema.OperatorT(
        opcodeIndex=len(parsed.operatorCodes) - 1,
        inputs=np.array(inputs, np.int32),
        outputs=np.array([output], np.int32),
        builtinOptionsType=kind,
        builtinOptions=schema.MulOptionsT() if multiplies else schema.AddOptionsT(),
    )
