"""Parses `.tflite` files, writes them again, and names their outputs; the layout is TensorFlow's `schema.fbs`."""

from __future__ import annotations

from collections.abc import Sequence

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgetl.errors import ModelError
from edgetl.install import install_command


def parse(model: bytes) -> schema.ModelT:
    """Parses a file into objects that can be changed.

    Args:
        model: the file's content.

    Raises:
        ModelError: the bytes are not a model, or its weights are outside of its tables (above 2 GB).
    """
    if model[4:8] != b"TFL3":
        raise ModelError("this is not a .tflite model", remedy="convert the model again")
    parsed = schema.ModelT.InitFromPackedBuf(model)
    if any(buffer.offset > 1 for buffer in parsed.buffers):
        raise ModelError("the model's weights are stored after its tables", remedy="convert a model below 2 GB")
    return parsed


def pack(parsed: schema.ModelT, size: int) -> bytes:
    """Returns the file of a parsed model; equal models give equal bytes.

    Args:
        parsed: the model; see `parse`.
        size: the approximate size of the file, bytes.
    """
    builder = _AligningBuilder(size)
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class _AligningBuilder(flatbuffers.Builder):  # type: ignore[misc] # flatbuffers has no types
    """Builds files in which each buffer of weights begins at a multiple of 16 bytes.

    The schema demands that alignment and kernels rely on it in a memory-mapped file, but the generated Python code
    doesn't keep it.
    """

    def CreateNumpyVector(self, x: NDArray[np.generic]) -> int:  # noqa: N802 - the library's name
        """Writes an array, aligned if it holds bytes.

        Args:
            x: (N,) numbers of any dtype; weights are uint8.
        """
        if x.dtype == np.uint8:
            self.Prep(16, x.nbytes)
        return int(super().CreateNumpyVector(x))


def name_outputs(model: bytes, names: Sequence[str]) -> bytes:
    """Names a file's outputs and puts them in order.

    The converter gives the outputs names and an order of its own, and their shapes may be equal. The file's signature
    says which is which: `output_0` is the first output of the Keras model, and so on.

    Args:
        model: the content of a file that the converter made of a `keras.Model` with a list of outputs.
        names: the names to give to the outputs, in the order of the Keras model; tensors and signature get them.

    Raises:
        ModelError: the signature doesn't list the outputs like that.
    """
    parsed = parse(model)
    signatures = parsed.signatureDefs or []
    entries = {entry.name.decode(): entry for signature in signatures[:1] for entry in signature.outputs}
    if sorted(entries) != [f"output_{i}" for i in range(len(names))]:
        what = f"the converter's file doesn't identify its outputs: its signature has {sorted(entries) or 'none'}"
        raise ModelError(what, remedy=f"{install_command('train')}, then convert again")
    signature = signatures[0]
    graph = parsed.subgraphs[signature.subgraphIndex]
    ordered = [entries[f"output_{i}"] for i in range(len(names))]
    for entry, name in zip(ordered, names, strict=True):
        entry.name = graph.tensors[entry.tensorIndex].name = name.encode()
    signature.outputs = ordered
    graph.outputs = np.array([entry.tensorIndex for entry in ordered], np.int32)
    return pack(parsed, len(model) + 4096)


def add_operator_code(parsed: schema.ModelT, operator: int) -> int:
    """Adds a built-in operator to a model's list of operators.

    Args:
        parsed: the model, which is changed.
        operator: a value of `schema.BuiltinOperator`.

    Returns:
        The operator's position in the list.
    """
    parsed.operatorCodes.append(schema.OperatorCodeT(deprecatedBuiltinCode=operator, builtinCode=operator, version=1))
    return len(parsed.operatorCodes) - 1
