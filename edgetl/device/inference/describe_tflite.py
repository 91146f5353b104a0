"""A single `.tflite` file, ours or not, to the card that says how to run it.

What other kinds of files need of it, too, is public; see `edgetl.device.inference.describe_openvino`.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.device.inference.description import Description
from edgetl.device.inference.input_scaling import Scaling as Scaling  # conversion takes it from here
from edgetl.device.inference.input_scaling import input_scaling
from edgetl.device.inference.labels import LABELS_REMEDY, in_columns, label_columns, numbered, read_lines, split_lines
from edgetl.device.inference.labels import read_labels as read_labels
from edgetl.device.inference.output_scores import decoding, ending_of_tflite
from edgetl.device.inference.tflite_metadata import Metadata, read_files, read_metadata
from edgetl.device.inference.tflite_postprocess import PostProcess, read_postprocess
from edgetl.device.runtime import Runtime
from edgetl.errors import ModelError

CARD_FILE = "card.json"
"""The card's name among a `.tflite` file's associated files."""

_KINDS_REMEDY = (
    "edgetl runs classifiers with one output (1, classes), its own detectors, and SSDs that end with "
    "TFLite_Detection_PostProcess"
)
_BACKGROUND = ("???", "background")
"""What labels files call what is no object, in small letters."""
_SSD_THRESHOLD = 0.5
"""The display threshold of a ready-made SSD, which doesn't tell of one; its scores are high."""


def describe(path: Path, runtime: Runtime, labels: Path | None) -> Description:
    """Finds out how to run a model file: from our card inside, else from its metadata, else from `labels`.

    Args:
        path: the `.tflite` file.
        runtime: the same file, loaded; a foreign classifier is run twice, to see what its output is.
        labels: a text file with one label a line, UTF-8; stronger than what the file itself says. A ready-made SSD
            counts its classes without the background, so a first line `???` or `background` is left out, provided
            that as many lines as there are classes follow it.

    Raises:
        ModelError: the file is damaged; or it doesn't say what its classes are and no labels were given; or they
            don't fit; or it takes float32 and doesn't say how pixels are scaled; or it is no classifier and no
            detector that edgetl knows.
        UsageError: there is no such labels file.
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
        return Description(ModelCard(path.stem, "classification", (), spec))  # for the model's own check to refuse
    metadata = read_metadata(path)
    lines = read_lines(labels) if labels else _carried_lines(path, files, metadata)
    scaling = input_scaling(path, metadata, runtime.input)
    if ssd is None:
        if not lines:
            raise ModelError("there are no labels", where=str(labels or path), remedy=LABELS_REMEDY)
        names = label_columns(lines, runtime.outputs[0].shape[1])
        ending, threshold = ending_of_tflite(path), metadata.threshold
        scores = decoding(runtime, scaling, len(names), ending, str(path), threshold)
        return Description(ModelCard(path.stem, "classification", names, spec, scores), scaling)
    names = numbered(_of_objects(lines, ssd.classes, str(labels or path)))
    threshold = _SSD_THRESHOLD if metadata.threshold is None else metadata.threshold
    boxes = _ssd_decoding(runtime, ssd, threshold)
    return Description(ModelCard(path.stem, "detection", names, spec, boxes), scaling, ssd.order)


def own_card(content: bytes | str, where: str, labels: Path | None) -> ModelCard:
    """Reads edgetl's card from inside a file; `labels` are stronger than its own.

    Raises:
        ModelError: it isn't one, or the labels aren't text.
        UsageError: the labels file isn't there.
    """
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        remedy = "convert the model again"
        raise ModelError(f"the model card inside is not JSON: {error}", where=where, remedy=remedy) from error
    card = ModelCard.from_dict(data, where=where)
    return dataclasses.replace(card, labels=read_labels(labels, len(card.labels))) if labels else card


def _carried_lines(path: Path, files: dict[str, bytes], metadata: Metadata) -> list[str]:
    name = metadata.labels_file or next((n for n in files if n.endswith(".txt")), "")
    if name not in files:
        raise ModelError("the file doesn't say what its classes are called", where=str(path), remedy=LABELS_REMEDY)
    return split_lines(files[name], f"{path}: {name}")


def _of_objects(lines: list[str], classes: int, where: str) -> list[str]:
    """The labels of an SSD's classes: its class 0 is the first object, but many a file's first line is no object.

    Raises:
        ModelError: the lines are not as many as the classes, or one of them is no object.
    """
    for count in (classes, classes + 1):  # numbers before the labels may count the background, too
        named = in_columns(lines, count)
        background = bool(named) and named[0].lower() in _BACKGROUND
        objects = named[1:] if background else named
        if len(objects) == classes:
            return objects
    told = f", the first of them {lines[0]!r}" if background else ""
    raise ModelError(
        f"the model has {classes} classes besides the background, but there are {len(lines)} labels{told}",
        where=where,
        remedy=f"give one label a line; before the {classes} there may be one that is ??? or background",
    )


def _ssd_decoding(runtime: Runtime, ssd: PostProcess, threshold: float) -> DetectorDecoding:
    most = runtime.outputs[ssd.order[2]].shape[-1]
    return DetectorDecoding(
        (), (min(1.0, max(0.0, threshold)),), min(1.0, max(0.0, ssd.iou)), max(1, most), "postprocessed"
    )


def is_classifier(runtime: Runtime) -> bool:
    """Says whether a model has a classifier's one output, (1, classes)."""
    return len(runtime.outputs) == 1 and len(runtime.outputs[0].shape) == 2
