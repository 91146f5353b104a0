"""Tables of a flatbuffer, as `.tflite` files and their metadata are, read with the standard library alone.

A device has no `flatbuffers` package. Every read is bounded by the size of the data.
Source: `schema.fbs` of TensorFlow and `metadata_schema.fbs` of tensorflow/tflite-support.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

from edgetl.files import read_regular

LARGEST_MODEL = 1 << 29
"""A model file may have at most this many bytes; the largest models for small computers have a tenth of it."""
_READ_TIMES = 4
"""The lists of a flatbuffer may be read this many times as many bytes as it has. Lists of a sound file don't overlap,
and each is read once or twice; a hostile one may name the same list thousands of times."""

SLOTS: dict[str, tuple[str, ...]] = {
    # TensorFlow's schema. In both schemas a union takes two slots: its type, then its value.
    "Model": (
        *("version", "operator_codes", "subgraphs", "description", "buffers", "metadata_buffer", "metadata"),
        *("signature_defs", "external_buffer_groups", "external_buffers"),
    ),
    "Metadata": ("name", "buffer"),
    "Buffer": ("data", "offset", "size"),
    "OperatorCode": ("deprecated_builtin_code", "custom_code", "version", "builtin_code"),
    "SubGraph": ("tensors", "inputs", "outputs", "operators", "name"),
    "Tensor": (
        *("shape", "type", "buffer", "name", "quantization", "is_variable", "sparsity", "shape_signature", "has_rank"),
        *("variant_tensors", "external_buffer"),
    ),
    "QuantizationParameters": ("min", "max", "scale", "zero_point", "details_type", "details", "quantized_dimension"),
    "Operator": (
        *("opcode_index", "inputs", "outputs", "builtin_options_type", "builtin_options", "custom_options"),
        *("custom_options_format", "mutating_variable_inputs", "intermediates", "large_custom_options_offset"),
        *("large_custom_options_size", "builtin_options_2_type", "builtin_options_2"),
    ),
    "SignatureDef": ("inputs", "outputs", "signature_key", "deprecated_tag", "subgraph_index"),
    "TensorMap": ("name", "tensor_index"),
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
    "ScoreCalibrationOptions": ("score_transformation", "default_score"),
    "ScoreThresholdingOptions": ("global_score_threshold",),
    "Stats": ("max", "min"),
    "AssociatedFile": ("name", "description", "type"),
}
"""The fields of each table in the order of its schema: a field's place is its slot number."""

BROKEN = (struct.error, zipfile.BadZipFile, LookupError, ValueError, RuntimeError, EOFError, OverflowError, OSError)
"""What reading a damaged file may raise."""


_MOST_TABLES = 20_000
"""A list may have at most this many tables; the largest networks have some 5,000 operators."""


def model_table(path: Path) -> Table:
    """Reads a `.tflite` file, and returns the table at its root.

    Raises:
        OSError: the file can't be read, is no plain file, or has more than `LARGEST_MODEL` bytes.
        ValueError: it has no root.
    """
    return Table.root("Model", read_regular(path, LARGEST_MODEL))


class Table:
    """A table of a flatbuffer: its fields are found through the offsets in its vtable.

    Args:
        kind: a key of `SLOTS`.
        data: the whole flatbuffer.
        at: the table's place in it, bytes.
        left: how many bytes of lists may still be read, one number that all tables of a flatbuffer share.
    """

    def __init__(self, kind: str, data: bytes, at: int, left: list[int]) -> None:
        self._slots, self._data, self._at, self._left = SLOTS[kind], data, at, left

    @classmethod
    def root(cls, kind: str, data: bytes) -> Table:
        """The table at the flatbuffer's root."""
        return cls(kind, data, struct.unpack_from("<I", data)[0], [_READ_TIMES * len(data)])

    def _place(self, field: str) -> int | None:
        vtable = self._at - self._read("<i", self._at)
        slot = 4 + 2 * self._slots.index(field)
        offset = self._read("<H", vtable + slot) if slot < self._read("<H", vtable) else 0
        return self._at + offset if offset else None

    def _read(self, layout: str, at: int) -> int:
        if at < 0:  # struct would count from the end
            raise ValueError("an offset points before the file")
        if at + struct.calcsize(layout) > len(self._data):
            raise ValueError("an offset points behind its end: it was cut short or altered")
        return int(struct.unpack_from(layout, self._data, at)[0])

    def _target(self, field: str) -> int | None:
        """Where a table, vector or string field begins: such a field holds the distance to it."""
        place = self._place(field)
        return None if place is None else place + self._read("<I", place)

    def number(self, field: str, layout: str) -> int:
        """A whole number as `struct` lays it out; 0 where it is absent."""
        place = self._place(field)
        return 0 if place is None else self._read(layout, place)

    def real(self, field: str) -> float:
        """A float32; 0 where it is absent."""
        place = self._place(field)
        return 0.0 if place is None else float(struct.unpack_from("<f", self._data, place)[0])

    def table(self, field: str, kind: str) -> Table | None:
        """A table of its own kind; None where it is absent."""
        target = self._target(field)
        return None if target is None else Table(kind, self._data, target, self._left)

    def has(self, field: str) -> bool:
        """Says whether a field is there."""
        return self._place(field) is not None

    def check_table(self, field: str) -> None:
        """Passes where a table of any kind, or none, begins within the data, and its vtable too."""
        target = self._target(field)
        if target is not None:
            vtable = target - self._read("<i", target)
            self._read("<B", vtable + self._read("<H", vtable) - 1)
            self._read("<B", target + self._read("<H", vtable + 2) - 1)

    def tables(self, field: str, kind: str) -> list[Table]:
        """A vector of tables; empty where it is absent, as are the following."""
        start, count = self._vector(field, 4)
        if count > _MOST_TABLES:
            raise ValueError(f"a list has more than {_MOST_TABLES} tables")
        places = range(start, start + 4 * count, 4)
        return [Table(kind, self._data, place + self._read("<I", place), self._left) for place in places]

    def blob(self, field: str) -> bytes:
        """A vector of bytes."""
        start, count = self._vector(field, 1)
        return self._data[start : start + count]

    def count(self, field: str, width: int = 1) -> int:
        """How many elements a vector has, each `width` bytes."""
        return self._vector(field, width)[1]

    def text(self, field: str) -> str:
        """A string; after it there is a zero, which C++ looks for."""
        start, count = self._vector(field, 1)
        if start and self._read("<B", start + count):
            raise ValueError("a text has no end")
        return self._data[start : start + count].decode()

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
        self._left[0] -= 4 + width * count
        if self._left[0] < 0:
            raise ValueError("its lists overlap")
        return target + 4, count
