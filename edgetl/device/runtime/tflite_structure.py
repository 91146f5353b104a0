"""Checks the structure of a `.tflite` file before the interpreter, which trusts every offset, opens it.

Everything that the interpreter reads must lie within the file, every index must be in range, and no tensor may be
larger than in a model for a small computer. Files for another runtime, such as the Edge TPU's, are refused by name.
Source: `schema.fbs` of TensorFlow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from edgetl.device.runtime.flatbuffer_table import BROKEN, LARGEST_MODEL, Table
from edgetl.errors import ModelError
from edgetl.files import read_regular
from edgetl.wrong_file import wrong_file

LARGEST_TENSOR = 1 << 28
"""A tensor may have at most this many bytes, 256 MB; that of a 1,024 px photo in 64 float channels has as many."""
_REMEDY = "copy the file again from where it was made"
_WIDTHS = {
    **dict.fromkeys((3, 6, 9), 1),  # uint8, bool, int8
    **dict.fromkeys((1, 7, 16, 18), 2),  # float16, int16, uint16, bfloat16
    **dict.fromkeys((0, 2, 15), 4),  # float32, int32, uint32
    **dict.fromkeys((4, 8, 10, 12), 8),  # int64, complex64, float64, uint64
    11: 16,  # complex128
}
"""The bytes of a number by the code of its type; numbers of other types take less than a byte, or are no numbers."""
_EDGE_TPU = "edgetpu-custom-op"
"""The operator of a file that was compiled for the Edge TPU."""
_SELECT = "Flex"
"""The beginning of the names of TensorFlow's own operators, which the interpreter hasn't."""
_MOST_NAMED = 5
"""An error names at most this many operators."""


def require_sound(path: Path) -> None:
    """Refuses a `.tflite` file whose structure is damaged, or that needs operators that edgetl hasn't.

    Raises:
        ModelError: the file is damaged or of another kind; the message says which.
    """
    try:
        content = read_regular(path, LARGEST_MODEL)
    except OSError as error:
        what = f"the model can't be read: {error.strerror or error}"
        raise ModelError(what, where=str(path), remedy=_REMEDY) from error
    if content[4:8] != b"TFL3":
        other = ("it is not a .tflite model, or a damaged one" if content else "it is empty", _REMEDY)
        what, remedy = wrong_file(content) or other
        raise ModelError(what, where=str(path), remedy=remedy)
    try:
        model = Table.root("Model", content)
        _require_operators(model, path)
        _check_model(model)
    except BROKEN as error:
        raise ModelError(f"the model's structure is damaged: {error}", where=str(path), remedy=_REMEDY) from error


def _require_operators(model: Table, path: Path) -> None:
    """Refuses a file for another runtime, which shows in the names of its operators."""
    names = [code.text("custom_code") for code in model.tables("operator_codes", "OperatorCode")]
    if _EDGE_TPU in names:
        what = "the model was compiled for the Edge TPU (Coral), and edgetl runs models on the processor"
        remedy = "take the file that it was compiled from, without _edgetpu in its name"
        raise ModelError(what, where=str(path), remedy=remedy)
    select = sorted({name for name in names if name.startswith(_SELECT)})
    if select:
        what = f"the model needs TensorFlow's own operators (Select TF ops): {', '.join(select[:_MOST_NAMED])}"
        remedy = "convert it with target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS], without SELECT_TF_OPS"
        raise ModelError(what, where=str(path), remedy=remedy)


def _check_model(model: Table) -> None:
    """Raises one of `BROKEN` if an offset or an index of the model is out of range."""
    sizes = [_buffer_size(buffer) for buffer in model.tables("buffers", "Buffer")]
    if model.tables("external_buffers", "Buffer") or model.tables("external_buffer_groups", "Buffer"):
        raise ValueError("its weights lie in another file")
    codes = len(model.tables("operator_codes", "OperatorCode"))
    model.text("description")
    _within(model.integers("metadata_buffer"), 0, len(sizes), "a buffer")
    for metadata in model.tables("metadata", "Metadata"):
        metadata.text("name")
        _within([metadata.number("buffer", "<I")], 0, len(sizes), "a buffer")
    tensors = [_check_graph(graph, sizes, codes) for graph in model.tables("subgraphs", "SubGraph")]
    if not tensors:
        raise ValueError("it has no graph")
    for signature in model.tables("signature_defs", "SignatureDef"):
        _check_signature(signature, tensors)


def _buffer_size(buffer: Table) -> int:
    """Returns the bytes of a buffer; the empty one is that of tensors that are computed."""
    if buffer.number("offset", "<Q") > 1 or buffer.number("size", "<Q") > 1:
        raise ValueError("its weights lie behind the flatbuffer")
    return buffer.count("data")


def _check_signature(signature: Table, tensors: Sequence[int]) -> None:
    signature.text("signature_key")
    graph = signature.number("subgraph_index", "<I")
    _within([graph], 0, len(tensors), "a graph")
    for field in ("inputs", "outputs"):
        for entry in signature.tables(field, "TensorMap"):
            entry.text("name")
            _within([entry.number("tensor_index", "<I")], 0, tensors[graph], "a tensor")


def _check_graph(graph: Table, sizes: Sequence[int], codes: int) -> int:
    """Checks a graph and returns its number of tensors."""
    graph.text("name")
    tensors = graph.tables("tensors", "Tensor")
    for tensor in tensors:
        _check_tensor(tensor, sizes)
    for field in ("inputs", "outputs"):
        _within(graph.integers(field), 0, len(tensors), "a tensor")
    for operator in graph.tables("operators", "Operator"):
        _check_operator(operator, len(tensors), codes)
    return len(tensors)


def _check_operator(operator: Table, tensors: int, codes: int) -> None:
    _within([operator.number("opcode_index", "<I")], 0, codes, "an operator")
    _within(operator.integers("inputs"), -1, tensors, "a tensor")  # -1 stands for an optional input that is absent
    _within(operator.integers("outputs"), 0, tensors, "a tensor")
    _within(operator.integers("intermediates"), -1, tensors, "a tensor")
    operator.count("custom_options")
    operator.count("mutating_variable_inputs")
    for options in ("builtin_options", "builtin_options_2"):
        operator.check_table(options)
    if operator.number("large_custom_options_offset", "<Q") > 1:
        raise ValueError("an operator's options lie behind the flatbuffer")


def _check_tensor(tensor: Table, sizes: Sequence[int]) -> None:
    tensor.text("name")
    shape = tensor.integers("shape")
    tensor.integers("shape_signature")
    buffer, width = tensor.number("buffer", "<I"), _WIDTHS.get(tensor.number("type", "<b"))
    _within([buffer], 0, len(sizes), "a buffer")
    _within(shape, 0, LARGEST_TENSOR, "a size")
    if math.prod(shape) * (width or 1) > LARGEST_TENSOR:
        raise ValueError(f"a tensor has more than {LARGEST_TENSOR >> 20} MB")
    tensor.check_table("sparsity")
    dense = not tensor.has("sparsity")
    if sizes[buffer] and width and dense and sizes[buffer] != math.prod(shape) * width:
        raise ValueError("the size of a tensor's content doesn't fit its shape")
    quantization = tensor.table("quantization", "QuantizationParameters")
    if quantization:
        _check_quantization(quantization, shape)


def _check_quantization(quantization: Table, shape: Sequence[int]) -> None:
    scales, zero_points = quantization.floats("scale"), quantization.count("zero_point", 8)
    quantization.floats("min")
    quantization.floats("max")
    quantization.check_table("details")
    axis = quantization.number("quantized_dimension", "<i")
    if not all(map(math.isfinite, scales)):
        raise ValueError("a scale is not a finite number")
    if len(scales) <= 1 and zero_points <= 1:
        return
    _within([axis], 0, len(shape), "an axis")
    if {len(scales), zero_points} - {0, 1, shape[axis]}:
        raise ValueError("a tensor has more scales than channels")


def _within(numbers: Iterable[int], least: int, end: int, kind: str) -> None:
    """Raises ValueError if a number is below `least`, or not below `end`.

    Args:
        numbers: the numbers to check.
        least: the smallest number allowed.
        end: the smallest number above the range.
        kind: what is numbered, for the message.
    """
    for number in numbers:
        if not least <= number < end:
            raise ValueError(f"the number of {kind} is out of range: {number}")
