"""Describes a single `.tflite` file, edgetl's own or a foreign one: finds its card, or what the card would say."""

from __future__ import annotations

from pathlib import Path

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.device.inference.description import Description, is_classifier, own_card
from edgetl.device.inference.input_scaling import STATE_IT_REMEDY, Scaling, stated_scaling
from edgetl.device.inference.labels import (
    LABELS_REMEDY,
    in_column_order,
    label_columns,
    read_lines,
    split_lines,
    unique_labels,
)
from edgetl.device.inference.output_scores import ending_of_tflite, foreign_decoding
from edgetl.device.inference.quantized_input import quantized_input_scaling
from edgetl.device.inference.tflite_metadata import Metadata, read_files, read_metadata
from edgetl.device.inference.tflite_postprocess import PostProcess, read_postprocess
from edgetl.device.runtime import Runtime, Tensor
from edgetl.errors import ModelError

CARD_FILE = "card.json"
"""The name of the card among the files that a `.tflite` file carries."""

_KINDS_REMEDY = (
    "edgetl runs classifiers with one output (1, classes), its own detectors, and SSDs that end with "
    "TFLite_Detection_PostProcess"
)
_SCALE_REMEDY = "edgetl convert --from FILE --scale -1..1 --data PHOTOS --labels FILE puts the scaling into the file"
_BACKGROUND = ("???", "background")
"""The labels that stand for no object in labels files, in small letters."""
_SSD_THRESHOLD = 0.5
"""The display threshold of a ready-made SSD whose file states none; the scores of SSDs are high."""


def describe(path: Path, runtime: Runtime, labels: Path | None) -> Description:
    """Describes a `.tflite` file by the card inside, else by its metadata and its graph.

    Args:
        path: the `.tflite` file.
        runtime: the file, loaded; a foreign classifier may be run twice, to see whether its outputs are scores.
        labels: a text file with one label a line, UTF-8, which has priority over the labels in the model file. A
            ready-made SSD counts its classes without the background, so a first line `???` or `background` is left
            out if as many lines as there are classes follow it.

    Raises:
        ModelError: the file is damaged; or the labels are missing or don't fit; or the input takes float32 and the file
            doesn't state a scaling; or the model is no classifier and no detector that edgetl knows.
        UsageError: the labels file can't be read.
    """
    files = read_files(path)
    if CARD_FILE in files:
        return Description(own_card(files[CARD_FILE], f"{path}: {CARD_FILE}", labels))
    ssd = read_postprocess(path) if len(runtime.outputs) == 4 else None
    if ssd is None and not is_classifier(runtime):
        shapes = ", ".join(str(tensor.shape) for tensor in runtime.outputs)
        what = f"the model's outputs {shapes} are neither a classifier's nor those of a detector that edgetl knows"
        raise ModelError(what, where=str(path), remedy=_KINDS_REMEDY)
    spec = InputSpec(height=runtime.input.shape[1], width=runtime.input.shape[2])
    if runtime.input.dtype not in ("uint8", "int8", "float32"):
        return Description(ModelCard(path.stem, "classification", (), spec))  # `Model` refuses this input
    metadata = read_metadata(path)
    lines = read_lines(labels) if labels else _carried_lines(path, files, metadata)
    scaling = input_scaling(path, metadata, runtime.input)
    if ssd is None:
        if not lines:
            raise ModelError("there are no labels", where=str(labels or path), remedy=LABELS_REMEDY)
        names = label_columns(lines, runtime.outputs[0].shape[1])
        ending, threshold = ending_of_tflite(path), metadata.threshold
        decoding = foreign_decoding(runtime, scaling, len(names), ending, str(path), threshold)
        return Description(ModelCard(path.stem, "classification", names, spec, decoding), scaling)
    names = unique_labels(_object_labels(lines, ssd.classes, str(labels or path)))
    threshold = _SSD_THRESHOLD if metadata.threshold is None else metadata.threshold
    boxes = _ssd_decoding(runtime, ssd, threshold)
    return Description(ModelCard(path.stem, "detection", names, spec, boxes), scaling, ssd.order)


def input_scaling(path: Path, metadata: Metadata, tensor: Tensor) -> Scaling | None:
    """Returns the scaling that a foreign model's input expects; None if it takes pixels as bytes.

    Args:
        path: the model file, for messages.
        metadata: the metadata of the file; a scaling that they state has priority.
        tensor: the input, float32, uint8 or int8.

    Raises:
        ModelError: the input takes real numbers and the file doesn't state a scaling; or the stated scaling can't be
            used.
    """
    stated = stated_scaling(path, metadata)
    if tensor.dtype != "float32":
        return quantized_input_scaling(path, stated, tensor) if tensor.scale else None
    if stated is None:
        what = "the model takes float pixels, but doesn't say how they are scaled"
        raise ModelError(what, where=str(path), remedy=f"{_SCALE_REMEDY}; or {STATE_IT_REMEDY}")
    return stated


def _carried_lines(path: Path, files: dict[str, bytes], metadata: Metadata) -> list[str]:
    """Returns the lines of the labels file inside a model file: the one that the metadata name, else any text file."""
    name = metadata.labels_file or next((n for n in files if n.endswith(".txt")), "")
    if name not in files:
        raise ModelError("the file doesn't say what its classes are called", where=str(path), remedy=LABELS_REMEDY)
    return split_lines(files[name], f"{path}: {name}")


def _object_labels(lines: list[str], classes: int, where: str) -> list[str]:
    """Returns the labels of an SSD's classes, without the line for the background that many files begin with.

    Raises:
        ModelError: the number of lines doesn't fit the number of classes.
    """
    for count in (classes, classes + 1):  # numbers before the labels may count the background, too
        labels = in_column_order(lines, count)
        has_background = bool(labels) and labels[0].lower() in _BACKGROUND
        objects = labels[1:] if has_background else labels
        if len(objects) == classes:
            return objects
    first = f", the first of them {lines[0]!r}" if has_background else ""
    raise ModelError(
        f"the model has {classes} classes besides the background, but there are {len(lines)} labels{first}",
        where=where,
        remedy=f"give one label a line; before the {classes} there may be one that is ??? or background",
    )


def _ssd_decoding(runtime: Runtime, ssd: PostProcess, threshold: float) -> DetectorDecoding:
    most = runtime.outputs[ssd.order[2]].shape[-1]
    return DetectorDecoding(
        (), (min(1.0, max(0.0, threshold)),), min(1.0, max(0.0, ssd.iou)), max(1, most), "postprocessed"
    )
