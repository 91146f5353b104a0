"""TFLite Metadata as other software wrote it: what a `.tflite` file says of its input, and the files it carries.

The metadata are a flatbuffer inside the model's flatbuffer, in a buffer named `TFLITE_METADATA`; the files it speaks
of are a zip archive behind the model. Both are read here with the standard library alone: a device has no flatbuffers.
Source: `metadata_schema.fbs` of tensorflow/tflite-support and `schema.fbs` of TensorFlow.
"""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

from edgetl.errors import ModelError

METADATA_BUFFER = "TFLITE_METADATA"
"""The name under which a model lists the buffer that holds its metadata."""

AXIS_LABELS = 2
"""The associated file's type that says: one line a column of the output."""

VALUE_LABELS = 3
"""The one that says: one line a value of the output, as of a detector's class numbers."""

NORMALIZATION = 1
"""The process unit's type whose options are `NormalizationOptions`."""

SLOTS: dict[str, tuple[str, ...]] = {
    # TensorFlow's schema, as far as the way to the metadata and to an operator of its own kind.
    # In both schemas a union takes two slots: its type, then its value.
    "Model": ("version", "operator_codes", "subgraphs", "description", "buffers", "metadata_buffer", "metadata"),
    "Metadata": ("name", "buffer"),
    "Buffer": ("data",),
    "OperatorCode": ("deprecated_builtin_code", "custom_code"),
    "SubGraph": ("tensors", "inputs", "outputs", "operators"),
    "Operator": ("opcode_index", "inputs", "outputs", "builtin_options_type", "builtin_options", "custom_options"),
    # The metadata's schema, as far as a classifier or a detector needs it.
    "ModelMetadata": (
        *("name", "description", "version", "subgraphs"),
        *("author", "license", "files", "min_parser_version"),
    ),
    "SubGraphMetadata": ("name", "description", "inputs", "outputs"),
    "TensorMetadata": ("name", "description", "dimension_names", "content", "process_units", "stats", "files"),
    "Content": ("properties_type", "properties"),
    "FeatureProperties": (),
    "ImageProperties": ("color_space",),
    "BoundingBoxProperties": ("index", "type", "coordinate_type"),
    "ProcessUnit": ("options_type", "options"),
    "NormalizationOptions": ("mean", "std"),
    "Stats": ("max", "min"),
    "AssociatedFile": ("name", "description", "type"),
}
"""The fields of each table in the order of its schema: a field's place is its slot number."""

BROKEN = (struct.error, zipfile.BadZipFile, LookupError, ValueError, RuntimeError, EOFError, OverflowError, OSError)
"""What reading a damaged file may raise."""
_REMEDY = "copy the file again from where it was made"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the metadata say of a model, as far as edgetl asks.

    Attributes:
        mean: subtracted from a pixel, 0..255, one value or one a channel; empty where the file doesn't say.
        std: what the difference is divided by; as many as `mean`.
        labels_file: the associated file with the output's labels; empty where there is none.
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    labels_file: str = ""


def read_metadata(path: Path) -> Metadata:
    """Reads what a `.tflite` file's metadata say; every field is empty where there are none.

    Raises:
        ModelError: the file's structure is damaged.
    """
    try:
        model = Table.root("Model", path.read_bytes())
        found = next((m for m in model.tables("metadata", "Metadata") if m.text("name") == METADATA_BUFFER), None)
        if found is None:
            return Metadata()
        holder = model.tables("buffers", "Buffer")[found.number("buffer", "<I")]
        return _metadata(Table.root("ModelMetadata", holder.blob("data")))
    except BROKEN as error:
        raise ModelError(f"the file's metadata are damaged: {error}", where=str(path), remedy=_REMEDY) from error


def read_files(path: Path) -> dict[str, bytes]:
    """Reads the text and JSON files that a `.tflite` file carries, by name, in their order.

    Raises:
        ModelError: the archive is damaged.
    """
    try:
        if not zipfile.is_zipfile(path):
            return {}
        with zipfile.ZipFile(path) as archive:
            # Kept uncompressed by definition; anything else would be a damaged header.
            return {
                entry.filename: archive.read(entry)
                for entry in archive.infolist()
                if entry.filename.endswith((".txt", ".json")) and entry.compress_type == zipfile.ZIP_STORED
            }
    except BROKEN as error:
        what = f"the files inside the model are damaged: {error}"
        raise ModelError(what, where=str(path), remedy=_REMEDY) from error


def _metadata(metadata: Table) -> Metadata:
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    labels_file = ""
    for graph in metadata.tables("subgraphs", "SubGraphMetadata")[:1]:
        for tensor in graph.tables("inputs", "TensorMetadata")[:1]:
            for unit in tensor.tables("process_units", "ProcessUnit"):
                options = unit.table("options", "NormalizationOptions")
                if options and unit.number("options_type", "<B") == NORMALIZATION:
                    mean, std = options.floats("mean"), options.floats("std")
        outputs = graph.tables("outputs", "TensorMetadata")
        files = [file for tensor in outputs for file in tensor.tables("files", "AssociatedFile")]
        labels = (f.text("name") for f in files if f.number("type", "<B") in (AXIS_LABELS, VALUE_LABELS))
        labels_file = next(labels, "")
    return Metadata(mean, std, labels_file)


class Table:
    """A table of a flatbuffer: its fields are found through the offsets in its vtable.

    Args:
        kind: a key of `SLOTS`.
        data: the whole flatbuffer.
        at: the table's place in it, bytes.
    """

    def __init__(self, kind: str, data: bytes, at: int) -> None:
        self._slots, self._data, self._at = SLOTS[kind], data, at

    @classmethod
    def root(cls, kind: str, data: bytes) -> Table:
        """The table at the flatbuffer's root."""
        return cls(kind, data, struct.unpack_from("<I", data)[0])

    def _place(self, field: str) -> int | None:
        vtable = self._at - self._read("<i", self._at)
        slot = 4 + 2 * self._slots.index(field)
        offset = self._read("<H", vtable + slot) if slot < self._read("<H", vtable) else 0
        return self._at + offset if offset else None

    def _read(self, layout: str, at: int) -> int:
        if at < 0:  # struct would count from the end
            raise ValueError("an offset points before the file")
        return int(struct.unpack_from(layout, self._data, at)[0])

    def _target(self, field: str) -> int | None:
        """Where a table, vector or string field begins: such a field holds the distance to it."""
        place = self._place(field)
        return None if place is None else place + self._read("<I", place)

    def number(self, field: str, layout: str) -> int:
        """A whole number as `struct` lays it out; 0 where it is absent."""
        place = self._place(field)
        return 0 if place is None else self._read(layout, place)

    def table(self, field: str, kind: str) -> Table | None:
        """A table of its own kind; None where it is absent."""
        target = self._target(field)
        return None if target is None else Table(kind, self._data, target)

    def tables(self, field: str, kind: str) -> list[Table]:
        """A vector of tables; empty where it is absent, as are the following."""
        start, count = self._vector(field, 4)
        places = range(start, start + 4 * count, 4)
        return [Table(kind, self._data, place + self._read("<I", place)) for place in places]

    def blob(self, field: str) -> bytes:
        """A vector of bytes."""
        start, count = self._vector(field, 1)
        return self._data[start : start + count]

    def text(self, field: str) -> str:
        """A string."""
        return self.blob(field).decode()

    def floats(self, field: str) -> tuple[float, ...]:
        """A vector of float32."""
        start, count = self._vector(field, 4)
        return struct.unpack_from(f"<{count}f", self._data, start)

    def integers(self, field: str) -> tuple[int, ...]:
        """A vector of int32."""
        start, count = self._vector(field, 4)
        return struct.unpack_from(f"<{count}i", self._data, start)

    def _vector(self, field: str, width: int) -> tuple[int, int]:
        """A vector's first byte and its count of elements, each `width` bytes; no elements where it is absent."""
        target = self._target(field)
        if target is None:
            return 0, 0
        count = self._read("<I", target)
        if target + 4 + width * count > len(self._data):
            raise ValueError("a list is longer than the file")
        return target + 4, count
