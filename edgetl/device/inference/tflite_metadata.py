"""TFLite Metadata as other software wrote it: what a `.tflite` file says of its input, and the files it carries.

The metadata are a flatbuffer inside the model's flatbuffer, in a buffer named `TFLITE_METADATA`; the files it speaks
of are a zip archive behind the model. Both are read here with the standard library alone: a device has no flatbuffers.
Source: `metadata_schema.fbs` of tensorflow/tflite-support and `schema.fbs` of TensorFlow.
"""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass, replace
from io import SEEK_END
from pathlib import Path
from typing import BinaryIO

from edgetl.device.runtime.flatbuffer_table import BROKEN, Table, model_table
from edgetl.errors import ModelError

METADATA_BUFFER = "TFLITE_METADATA"
"""The name under which a model lists the buffer that holds its metadata."""

AXIS_LABELS = 2
"""The associated file's type that says: one line a column of the output."""

VALUE_LABELS = 3
"""The one that says: one line a value of the output, as of a detector's class numbers."""

NORMALIZATION, CALIBRATION, THRESHOLDING = 1, 2, 3
"""The process units' types whose options are `NormalizationOptions`, and those that calibrate and cut off scores."""

_END_BYTES = 65_536 + 64
"""An archive ends with a record of at most this many bytes, and the one before it."""
_LARGEST_DIRECTORY = 1 << 20
"""The list of the files that a model carries may have at most this many bytes, room for 10,000 files."""

_REMEDY = "copy the file again from where it was made"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the metadata say of a model, as far as edgetl asks.

    Attributes:
        mean: subtracted from a pixel, 0..255, one value or one a channel; empty where the file doesn't say.
        std: what the difference is divided by; as many as `mean`.
        labels_file: the associated file with the output's labels; empty where there is none.
        threshold: the smallest score that is to be shown; None where the file doesn't say.
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    labels_file: str = ""
    threshold: float | None = None


def read_metadata(path: Path) -> Metadata:
    """Reads what a `.tflite` file's metadata say; every field is empty where there are none.

    Raises:
        ModelError: the file's structure is damaged; or the scores would have to be calibrated.
    """
    try:
        model = model_table(path)
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
        if not path.is_file():  # a pipe would be waited for
            raise ValueError("it is not a plain file")
        with path.open("rb") as file:
            _require_small_directory(file)
            if not zipfile.is_zipfile(file):
                return {}
            with zipfile.ZipFile(file) as archive:
                # Kept uncompressed by definition; anything else would be a damaged header.
                entries = [
                    entry
                    for entry in archive.infolist()
                    if entry.filename.endswith((".txt", ".json")) and entry.compress_type == zipfile.ZIP_STORED
                ]
                if sum(entry.file_size for entry in entries) > path.stat().st_size:
                    raise ValueError("the files overlap")
                return {entry.filename: archive.read(entry) for entry in entries}
    except BROKEN as error:
        what = f"the files inside the model are damaged: {error}"
        raise ModelError(what, where=str(path), remedy=_REMEDY) from error


def _require_small_directory(file: BinaryIO) -> None:
    """Raises ValueError where the list of an archive's files is larger than `_LARGEST_DIRECTORY`.

    `zipfile` reads the whole list before anything else, and makes fifteen times as many bytes of it.
    """
    size = file.seek(0, SEEK_END)
    file.seek(max(0, size - _END_BYTES))
    end = file.read()
    at = end.rfind(b"PK\5\6")
    listed = struct.unpack_from("<I", end, at + 12)[0] if 0 <= at <= len(end) - 16 else 0
    # Sizes beyond 32 bits would be in a second record before this one, which no model has a use for.
    if listed > _LARGEST_DIRECTORY or b"PK\6\7" in end[max(0, at - 20) : max(0, at)]:
        raise ValueError("the list of its files is too long")
    file.seek(0)


def _metadata(metadata: Table) -> Metadata:
    found = Metadata()
    for graph in metadata.tables("subgraphs", "SubGraphMetadata")[:1]:
        for tensor in graph.tables("inputs", "TensorMetadata")[:1]:
            for unit in tensor.tables("process_units", "ProcessUnit"):
                options = unit.table("options", "NormalizationOptions")
                if options and unit.number("options_type", "<B") == NORMALIZATION:
                    found = replace(found, mean=options.floats("mean"), std=options.floats("std"))
        for tensor in graph.tables("outputs", "TensorMetadata"):
            found = _output(tensor, found)
    return found


def _output(tensor: Table, found: Metadata) -> Metadata:
    """Adds what the metadata say of one output."""
    if not found.labels_file:
        files = tensor.tables("files", "AssociatedFile")
        labels = (f.text("name") for f in files if f.number("type", "<B") in (AXIS_LABELS, VALUE_LABELS))
        found = replace(found, labels_file=next(labels, ""))
    for unit in tensor.tables("process_units", "ProcessUnit"):
        kind = unit.number("options_type", "<B")
        if kind == CALIBRATION:
            what = "the metadata ask for a calibration of the scores, which edgetl doesn't do"
            raise ModelError(what, remedy="use a file without ScoreCalibrationOptions")
        options = unit.table("options", "ScoreThresholdingOptions") if kind == THRESHOLDING else None
        if options:
            found = replace(found, threshold=options.real("global_score_threshold"))
    return found
