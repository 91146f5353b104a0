"""Reads TFLite Metadata: what a `.tflite` file states about its input and its outputs, and the files it carries.

The metadata are a flatbuffer inside the model's flatbuffer, in a buffer named `TFLITE_METADATA`. The files that they
name are a zip archive behind the model. Both are read with the standard library, as a device has no flatbuffers.
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
"""The type of an associated file that has one line for each column of the output."""

VALUE_LABELS = 3
"""The type of an associated file that has one line for each value of the output, such as a detector's class numbers."""

NORMALIZATION, CALIBRATION, THRESHOLDING = 1, 2, 3
"""The types of process units: scaling of pixels, calibration of scores, and a threshold for scores."""

_END_BYTES = 65_536 + 64
"""The last two records of an archive have at most this many bytes together."""
_LARGEST_DIRECTORY = 1 << 20
"""The list of the files that a model carries may have at most this many bytes, which is room for 10,000 files."""

_REMEDY = "copy the file again from where it was made"


@dataclass(frozen=True, slots=True)
class Metadata:
    """The part of a model's metadata that edgetl uses.

    Attributes:
        mean: the number subtracted from a pixel, 0..255: one for all channels or one for each; empty if the file states
            none.
        std: the number that the difference is divided by: one for all channels or one for each; empty if the file
            states none.
        labels_file: the name of the associated file with the labels; empty if there is none.
        threshold: the display threshold, 0..1; None if the file states none.
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    labels_file: str = ""
    threshold: float | None = None


def read_metadata(path: Path) -> Metadata:
    """Reads the metadata of a `.tflite` file; all fields are empty if it has none.

    Raises:
        ModelError: the structure of the file is damaged, or the metadata require a calibration of the scores.
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
    """Returns the text and JSON files that a `.tflite` file carries, by their names, in the archive's order.

    Raises:
        ModelError: the archive is damaged.
    """
    try:
        if not path.is_file():  # reading a pipe could wait for ever
            raise ValueError("it is not a regular file")
        with path.open("rb") as file:
            _require_small_directory(file)
            if not zipfile.is_zipfile(file):
                return {}
            with zipfile.ZipFile(file) as archive:
                # The format forbids compression, so a compressed entry has a damaged header.
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
    """Raises ValueError if the list of an archive's files is larger than `_LARGEST_DIRECTORY`.

    `zipfile` reads the whole list before anything else, and takes fifteen times its size in memory.
    """
    size = file.seek(0, SEEK_END)
    file.seek(max(0, size - _END_BYTES))
    end = file.read()
    at = end.rfind(b"PK\5\6")
    listed = struct.unpack_from("<I", end, at + 12)[0] if 0 <= at <= len(end) - 16 else 0
    # Sizes above 32 bits are in a second record before this one, which no model needs.
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
    """Returns the metadata with those of one output added."""
    if not found.labels_file:
        files = tensor.tables("files", "AssociatedFile")
        labels = (f.text("name") for f in files if f.number("type", "<B") in (AXIS_LABELS, VALUE_LABELS))
        found = replace(found, labels_file=next(labels, ""))
    for unit in tensor.tables("process_units", "ProcessUnit"):
        kind = unit.number("options_type", "<B")
        if kind == CALIBRATION:
            what = "the metadata require a calibration of the scores, which edgetl doesn't do"
            raise ModelError(what, remedy="use a file without ScoreCalibrationOptions")
        options = unit.table("options", "ScoreThresholdingOptions") if kind == THRESHOLDING else None
        if options:
            found = replace(found, threshold=options.real("global_score_threshold"))
    return found
