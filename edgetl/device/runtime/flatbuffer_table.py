"""Reads the tables of a flatbuffer with the standard library: `.tflite` files and their metadata are flatbuffers.

A device has no `flatbuffers` package. Every read is checked against the size of the data.
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
"""Lists may be read up to this many times the bytes of the flatbuffer. The lists of a sound file don't overlap, and
each is read once or twice; a hostile file may refer to the same list thousands of times."""

SLOTS: dict[str, tuple[str, ...]] = {
    # These tables are of TensorFlow's schema. In both schemas a union takes two slots: its type, then its value.
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
    # These tables are of the metadata's schema, as far as a classifier or a detector needs it.
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
"""The fields of each table in the order of its schema; the position of a field is its slot number."""

BROKEN = (struct.error, zipfile.BadZipFile, LookupError, ValueError, RuntimeError, EOFError, OverflowError, OSError)
"""The exceptions that reading a damaged file may raise."""
_MOST_TABLES = 20_000
"""A list may have at most this many tables; the largest networks have some 5,000 operators."""


def model_table(path: Path) -> Table:
    """Reads a `.tflite` file and returns its root table.

    Raises:
        OSError: the file can't be read, is not a regular file, or has more than `LARGEST_MODEL` bytes.
        ValueError: the file has no root table.
    """
    return Table.root("Model", read_regular(path, LARGEST_MODEL))


class Table:
    """A table of a flatbuffer, whose fields are found through the offsets in its vtable.

    Args:
        kind: the table's type, a key of `SLOTS`.
        data: the whole flatbuffer.
        at: the position of the table in `data`, bytes.
        left: a list with one number, shared by all tables of a flatbuffer: the bytes of lists that may still be read.
    """

    def __init__(self, kind: str, data: bytes, at: int, left: list[int]) -> None:
        self._slots, self._data, self._at, self._left = SLOTS[kind], data, at, left

    @classmethod
    def root(cls, kind: str, data: bytes) -> Table:
        """Returns the root table of a flatbuffer."""
        return cls(kind, data, struct.unpack_from("<I", data)[0], [_READ_TIMES * len(data)])

    def _place(self, field: str) -> int | None:
        """Returns the position of a field, bytes; None if the field is absent."""
        vtable = self._at - self._read("<i", self._at)
        slot = 4 + 2 * self._slots.index(field)
        offset = self._read("<H", vtable + slot) if slot < self._read("<H", vtable) else 0
        return self._at + offset if offset else None

    def _read(self, layout: str, at: int) -> int:
        """Returns the number at a position, in a layout of `struct`; raises ValueError outside the data."""
        if at < 0:  # struct would count from the end
            raise ValueError("an offset points before the file")
        if at + struct.calcsize(layout) > len(self._data):
            raise ValueError("an offset points behind its end: the file was cut short or altered")
        return int(struct.unpack_from(layout, self._data, at)[0])

    def _target(self, field: str) -> int | None:
        """Returns the position of the table, vector or string that a field points to; None if the field is absent."""
        place = self._place(field)
        return None if place is None else place + self._read("<I", place)

    def number(self, field: str, layout: str) -> int:
        """Returns a whole number in a layout of `struct`; 0 if the field is absent."""
        place = self._place(field)
        return 0 if place is None else self._read(layout, place)

    def real(self, field: str) -> float:
        """Returns a float32 number; 0 if the field is absent."""
        place = self._place(field)
        return 0.0 if place is None else float(struct.unpack_from("<f", self._data, place)[0])

    def table(self, field: str, kind: str) -> Table | None:
        """Returns a table of type `kind`; None if the field is absent."""
        target = self._target(field)
        return None if target is None else Table(kind, self._data, target, self._left)

    def has(self, field: str) -> bool:
        """Says whether a field is present."""
        return self._place(field) is not None

    def check_table(self, field: str) -> None:
        """Raises ValueError if a table of any type, or its vtable, lies outside the data."""
        target = self._target(field)
        if target is not None:
            vtable = target - self._read("<i", target)
            self._read("<B", vtable + self._read("<H", vtable) - 1)
            self._read("<B", target + self._read("<H", vtable + 2) - 1)

    def tables(self, field: str, kind: str) -> list[Table]:
        """Returns a vector of tables of type `kind`; empty if the field is absent."""
        start, count = self._vector(field, 4)
        if count > _MOST_TABLES:
            raise ValueError(f"a list has more than {_MOST_TABLES} tables")
        places = range(start, start + 4 * count, 4)
        return [Table(kind, self._data, place + self._read("<I", place), self._left) for place in places]

    def blob(self, field: str) -> bytes:
        """Returns a vector of bytes; empty if the field is absent."""
        start, count = self._vector(field, 1)
        return self._data[start : start + count]

    def count(self, field: str, width: int = 1) -> int:
        """Returns the number of elements of `width` bytes in a vector; 0 if the field is absent."""
        return self._vector(field, width)[1]

    def text(self, field: str) -> str:
        """Returns a string; empty if the field is absent."""
        start, count = self._vector(field, 1)
        # C++ reads up to the zero byte behind the string.
        if start and self._read("<B", start + count):
            raise ValueError("a text has no end")
        return self._data[start : start + count].decode()

    def floats(self, field: str) -> tuple[float, ...]:
        """Returns a vector of float32 numbers; empty if the field is absent."""
        start, count = self._vector(field, 4)
        return struct.unpack_from(f"<{count}f", self._data, start)

    def integers(self, field: str) -> tuple[int, ...]:
        """Returns a vector of int32 numbers; empty if the field is absent."""
        start, count = self._vector(field, 4)
        return struct.unpack_from(f"<{count}i", self._data, start)

    def _vector(self, field: str, width: int) -> tuple[int, int]:
        """Returns the position of a vector and its number of elements of `width` bytes; (0, 0) if it is absent."""
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
