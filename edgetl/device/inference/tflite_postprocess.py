"""Reads the operator `TFLite_Detection_PostProcess`, with which a ready-made SSD ends, from a `.tflite` file.

Exporters give its outputs various names and orders, so which output is which comes from the graph itself. The
operator's options are a FlexBuffer, which is read with the standard library, as a device has no flatbuffers.
Source: `schema.fbs` and `detection_postprocess.cc` of TensorFlow, `flexbuffers.h` of FlatBuffers.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from edgetl.device.inference.output_names import OutputOrder
from edgetl.device.runtime.flatbuffer_table import BROKEN, model_table
from edgetl.errors import ModelError

OPERATOR = "TFLite_Detection_PostProcess"
"""The name of the operator in the file."""

_MOST_OPTIONS, _LONGEST_NAME = 256, 64
"""An operator may have at most this many options, with names of at most this many bytes; the real one has 11."""
_MAP = 9
"""The FlexBuffer type of a map."""
_UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}
_LAYOUTS = {1: {1: "b", 2: "h", 4: "i", 8: "q"}, 2: _UNSIGNED, 3: {2: "e", 4: "f", 8: "d"}, 26: _UNSIGNED}
"""The layouts of `struct` for numbers in a map: by type (signed, unsigned, real, boolean) and number of bytes."""


@dataclass(frozen=True, slots=True)
class PostProcess:
    """The postprocessing at the end of an SSD.

    Attributes:
        classes: the number of classes, without the background.
        iou: the overlap of two boxes above which the operator drops the one with the lower score, 0..1.
        order: the positions of boxes, classes, scores and count among the model's outputs.
    """

    classes: int
    iou: float
    order: OutputOrder


def read_postprocess(path: Path) -> PostProcess | None:
    """Finds the operator in a `.tflite` file; returns None if the model's outputs are not those of the operator.

    Raises:
        ModelError: the structure of the file is damaged.
    """
    try:
        model = model_table(path)
        codes = [code.text("custom_code") for code in model.tables("operator_codes", "OperatorCode")]
        graph = model.tables("subgraphs", "SubGraph")[0]
        outputs = graph.integers("outputs")
        for operator in graph.tables("operators", "Operator"):
            made = operator.integers("outputs")
            if codes[operator.number("opcode_index", "<I")] == OPERATOR and sorted(made) == sorted(outputs):
                options = _read_map(operator.blob("custom_options"))
                boxes, classes, scores, count = (outputs.index(tensor) for tensor in made)
                order = boxes, classes, scores, count
                return PostProcess(int(options["num_classes"]), options["nms_iou_threshold"], order)
    except BROKEN as error:
        remedy = "copy the file again from where it was made"
        raise ModelError(f"the model's structure is damaged: {error}", where=str(path), remedy=remedy) from error
    return None


def _read_map(data: bytes) -> dict[str, float]:
    """Returns the numbers of a FlexBuffer whose root is a map, by their keys."""
    kind, width = data[-2], data[-1]
    if kind >> 2 != _MAP:
        raise ValueError("an operator's options are not a map")
    root = len(data) - 2 - width
    at, width = root - _number(data, root, width), 1 << (kind & 3)
    keys = at - 3 * width - _number(data, at - 3 * width, width)
    key_width, count = _number(data, at - 2 * width, width), _number(data, at - width, width)
    found = {}
    if count > _MOST_OPTIONS:
        raise ValueError(f"an operator has more than {_MOST_OPTIONS} options")
    for index in range(count):
        place = keys + index * key_width
        start = place - _number(data, place, key_width)
        key = data[start : data.index(0, start, start + _LONGEST_NAME)].decode()
        layout = _LAYOUTS.get(data[at + count * width + index] >> 2, {}).get(width)
        if layout:
            found[key] = float(struct.unpack_from(f"<{layout}", data, at + index * width)[0])
    return found


def _number(data: bytes, at: int, width: int) -> int:
    """Returns the unsigned number of `width` bytes at a position."""
    if at < 0 or width not in (1, 2, 4, 8) or at + width > len(data):
        raise ValueError("an operator's options end too early")
    return int.from_bytes(data[at : at + width], "little")
