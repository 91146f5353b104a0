"""What a `.tflite` file says of the operator `TFLite_Detection_PostProcess`, with which a ready-made SSD ends.

Exporters give its outputs other names and another order, so both come from the graph itself. The operator's options
are a FlexBuffer, read here with the standard library alone: a device has no flatbuffers.
Source: `schema.fbs` and `detection_postprocess.cc` of TensorFlow, `flexbuffers.h` of FlatBuffers.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from edgetl.device.inference.heads import Order
from edgetl.device.runtime.flatbuffer_table import BROKEN, model_table
from edgetl.errors import ModelError

OPERATOR = "TFLite_Detection_PostProcess"

_MOST_OPTIONS, _LONGEST_NAME = 256, 64
"""An operator may have at most this many options, with names of at most this many bytes; the real one has 11."""
_MAP = 9  # a FlexBuffer's type, as are the keys of the following: signed, unsigned, real and boolean
_UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}
_LAYOUTS = {1: {1: "b", 2: "h", 4: "i", 8: "q"}, 2: _UNSIGNED, 3: {2: "e", 4: "f", 8: "d"}, 26: _UNSIGNED}
"""How a number that lies in the map itself is read, by its type and its bytes."""


@dataclass(frozen=True, slots=True)
class PostProcess:
    """How an SSD ends.

    Attributes:
        classes: it tells apart; class 0 is the first that isn't the background.
        iou: of two boxes that overlapped by more, it let only the better one stay, 0..1.
        order: where among the model's outputs the boxes, classes, scores and their count are.
    """

    classes: int
    iou: float
    order: Order


def read_postprocess(path: Path) -> PostProcess | None:
    """Finds the operator in a `.tflite` file; None where the model's four outputs are not those of one.

    Raises:
        ModelError: the file's structure is damaged.
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
    """The numbers of a FlexBuffer whose root is a map, by their keys."""
    kind, width = data[-2], data[-1]
    if kind >> 2 != _MAP:
        raise ValueError("an operator's options are no map")
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
    """An unsigned number of `width` bytes."""
    if at < 0 or width not in (1, 2, 4, 8) or at + width > len(data):
        raise ValueError("an operator's options end too early")
    return int.from_bytes(data[at : at + width], "little")
