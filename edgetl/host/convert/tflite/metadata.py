"""Writes TFLite Metadata, which tells other software, and edgetl, what a `.tflite` file takes and gives.

The format is `metadata_schema.fbs` of tensorflow/tflite-support. `edgetl.device.inference.tflite_metadata` reads what
this module writes, and has the positions of the fields in their tables.

A raw detector's two outputs are described as raw. Other software expects boxes: MediaPipe takes two outputs only with
fixed anchors (`DETECTOR_METADATA`), which edgetl's detectors don't have, and so refuses the file. It takes the four
outputs of a portable detector; see `edgetl.host.convert.portable`.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgetl.card import ClassifierDecoding, ModelCard
from edgetl.device.inference.describe_tflite import CARD_FILE
from edgetl.device.inference.output_names import DISTANCES, LOGITS
from edgetl.device.inference.tflite_metadata import AXIS_LABELS, METADATA_BUFFER, NORMALIZATION, VALUE_LABELS
from edgetl.device.runtime.flatbuffer_table import SLOTS
from edgetl.host.convert.tflite.edit_graph import pack, parse

LABELS_FILE = "labels.txt"
"""The name of the file of labels inside a `.tflite` file, which other software looks for by its type, not its name."""

OUTPUTS = (LOGITS, DISTANCES)
"""The names of a raw detector's outputs, in their order."""

_FEATURE, _IMAGE, _BOX = 1, 2, 3  # members of the union ContentProperties
_UNKNOWN_COLOR, _RGB = 0, 1  # ColorSpaceType; it has no value for BGR
_DESCRIPTION = 1  # AssociatedFileType
_BOUNDARIES, _RATIO = 1, 0  # BoundingBoxType, CoordinateType


def embed(model: bytes, card: ModelCard) -> bytes:
    """Writes a card and its metadata into a model, replacing those that it has.

    Args:
        model: the content of a `.tflite` file with one input. Its outputs are a classifier's one, a raw detector's two
            in the order of `OUTPUTS`, or a portable detector's four in the order of
            `edgetl.device.inference.output_names.POSTPROCESSED`.
        card: the model's card, written whole as `card.json`; the labels are also written as `labels.txt`, for software
            other than edgetl.

    Returns:
        The new content; equal arguments give equal bytes. The weights are those of `model`, bit for bit.

    Raises:
        ModelError: the bytes are not a model, or its weights are outside of its tables (above 2 GB).
    """
    parsed = parse(model)
    data = np.frombuffer(_metadata(card), np.uint8)
    entries = parsed.metadata = parsed.metadata or []
    entry = next((m for m in entries if m.name == METADATA_BUFFER.encode()), None)
    if entry:
        parsed.buffers[entry.buffer].data = data
    else:
        entries.append(schema.MetadataT(METADATA_BUFFER.encode(), len(parsed.buffers)))
        parsed.buffers.append(schema.BufferT(data))
    labels = "".join(" ".join(label.splitlines()) + "\n" for label in card.labels)
    return _append(pack(parsed, len(model) + len(data) + 4096), {LABELS_FILE: labels, CARD_FILE: card.to_json()})


def _metadata(card: ModelCard) -> bytes:
    write = _Writer()
    outputs = _outputs(write, card)
    graph = write.table("SubGraphMetadata", inputs=write.tables([_image(write, card)]), outputs=write.tables(outputs))
    whole_card = write.table("AssociatedFile", name=write.text(CARD_FILE), type=_DESCRIPTION)
    root = write.table(
        "ModelMetadata",
        name=write.text(card.name),
        description=write.text(f"{len(card.labels)} classes, {_output_kind(card)}"),
        subgraphs=write.tables([graph]),
        files=write.tables([whole_card]),
        min_parser_version=write.text("1.0.0"),
    )
    return write.finish(root)


def _output_kind(card: ModelCard) -> str:
    if isinstance(card.decoding, ClassifierDecoding):
        return card.decoding.scores
    return "boxes" if card.decoding.kind == "postprocessed" else "boxes to be decoded from raw outputs"


def _outputs(write: _Writer, card: ModelCard) -> list[int]:
    if isinstance(card.decoding, ClassifierDecoding):
        return [_output(write, "score")]
    return (_finished_outputs if card.decoding.kind == "postprocessed" else _detector_outputs)(write, card)


def _finished_outputs(write: _Writer, card: ModelCard) -> list[int]:
    """Describes the four outputs by the names that MediaPipe Tasks expects; it ignores a threshold in the metadata."""
    index = write.integers([1, 0, 3, 2])  # the positions of left, top, right and bottom
    box = write.table("BoundingBoxProperties", index=index, type=_BOUNDARIES, coordinate_type=_RATIO)
    content = write.table("Content", properties_type=_BOX, properties=box)
    return [
        write.table("TensorMetadata", name=write.text("location"), content=content),
        _output(write, "category", axis=VALUE_LABELS),
        _output(write, "score", axis=None),
        _output(write, "number of detections", axis=None),
    ]


def _detector_outputs(write: _Writer, card: ModelCard) -> list[int]:
    cells = f"of each cell, at strides {', '.join(map(str, card.detector.strides))} px, row by row"
    logits = f"Each class's logit, {cells}"
    bins = card.detector.bins
    meaning = "softplus(x)" if bins == 1 else f"the mean of 0 ... {bins - 1} under softmax of {bins} numbers"
    distances = f"Of left, top, right and bottom, {cells}: {meaning} * stride is the distance from the centre, px"
    return [_output(write, LOGITS, logits), _output(write, DISTANCES, distances, axis=None)]


def _output(write: _Writer, name: str, description: str = "", *, axis: int | None = AXIS_LABELS) -> int:
    """Describes one output; `axis` is the type of its file of labels, None if it has no labels."""
    content = write.table("Content", properties_type=_FEATURE, properties=write.table("FeatureProperties"))
    parts = {"name": write.text(name), "content": content}
    if description:
        parts["description"] = write.text(description)
    if axis is not None:
        labels = write.table("AssociatedFile", name=write.text(LABELS_FILE), type=axis)
        parts["files"] = write.tables([labels])
    return write.table("TensorMetadata", **parts)


def _image(write: _Writer, card: ModelCard) -> int:
    color = _RGB if card.input.color == "rgb" else _UNKNOWN_COLOR
    properties = write.table("ImageProperties", color_space=color)
    content = write.table("Content", properties_type=_IMAGE, properties=properties)
    # Mean 0 and std 1 stand for raw pixels, which the model scales itself.
    scaling = write.table("NormalizationOptions", mean=write.floats([0]), std=write.floats([1]))
    unit = write.table("ProcessUnit", options_type=NORMALIZATION, options=scaling)
    stats = write.table("Stats", max=write.floats([255]), min=write.floats([0]))
    return write.table(
        "TensorMetadata",
        name=write.text("image"),
        content=content,
        process_units=write.tables([unit]),
        stats=stats,
    )


class _Writer:
    """Builds the metadata's flatbuffer; tables are named as in `SLOTS`, and parts are written before their holders."""

    def __init__(self) -> None:
        self._builder = flatbuffers.Builder(1024)

    def text(self, value: str) -> int:
        return int(self._builder.CreateString(value))

    def floats(self, values: Sequence[float]) -> int:
        return int(self._builder.CreateNumpyVector(np.array(values, np.float32)))

    def integers(self, values: Sequence[int]) -> int:
        return int(self._builder.CreateNumpyVector(np.array(values, np.uint32)))

    def tables(self, offsets: Sequence[int]) -> int:
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())

    def table(self, kind: str, **fields: int) -> int:
        """Writes a table; fields named `type`, `…_type` and `color_space` are bytes, all others are offsets."""
        slots = SLOTS[kind]
        self._builder.StartObject(len(slots))
        for field, value in fields.items():
            if field.endswith("type") or field == "color_space":
                self._builder.PrependUint8Slot(slots.index(field), value, 0)
            else:
                self._builder.PrependUOffsetTRelativeSlot(slots.index(field), value, 0)
        return int(self._builder.EndObject())

    def finish(self, root: int) -> bytes:
        self._builder.Finish(root, b"M001")
        return bytes(self._builder.Output())


def _append(model: bytes, files: dict[str, str]) -> bytes:
    """Appends a zip archive to a model, uncompressed, because readers map it, and with a fixed date."""
    stream = io.BytesIO(model)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_STORED) as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # Unix, wherever this runs
            archive.writestr(entry, text.encode())
    return stream.getvalue()
