"""A single `.tflite` file, ours or not, to the card that says how to run it.

What other kinds of files need of it, too, is public; see `edgetl.device.foreign_openvino`.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgetl.card import ClassifierDecoding, DetectorDecoding, InputSpec, ModelCard
from edgetl.device.heads import Order
from edgetl.device.runtime import Runtime
from edgetl.device.tflite_metadata import Metadata, read_files, read_metadata
from edgetl.device.tflite_postprocess import PostProcess, read_postprocess
from edgetl.errors import ModelError, UsageError

CARD_FILE = "card.json"
"""The card's name among a `.tflite` file's associated files."""

LABELS_REMEDY = "give a text file with one label a line: --labels FILE"
_KINDS_REMEDY = (
    "edgetl runs classifiers with one output (1, classes), its own detectors, and SSDs that end with "
    "TFLite_Detection_PostProcess"
)
_BACKGROUND = ("???", "background")
"""What labels files call what is no object, in small letters."""
_SSD_THRESHOLD = 0.5
"""The display threshold of a ready-made SSD, which doesn't tell of one; its scores are high."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Pixels to a float input: (pixel - mean) / std; each has one value, or one a channel."""

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def rows(self, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Returns mean and std as (width, 3) each: NumPy takes whole rows seven times as fast as single pixels."""
        mean, std = (np.resize(np.array(values, np.float32), (width, 3)) for values in (self.mean, self.std))
        return mean, std


@dataclass(frozen=True, slots=True)
class Description:
    """How to run a model file.

    Attributes:
        card: of the model.
        scaling: that a foreign float32 input wants, else None.
        order: where a ready-made SSD has its boxes, classes, scores and their count among its outputs.
    """

    card: ModelCard
    scaling: Scaling | None = None
    order: Order = (0, 1, 2, 3)


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
    lines = _read_lines(labels) if labels else _carried_lines(path, files, metadata)
    scaling = _scaling(path, metadata) if runtime.input.dtype == "float32" else None
    if ssd is None:
        decoding = ClassifierDecoding(kind_of_scores(runtime, scaling))
        return Description(ModelCard(path.stem, "classification", numbered(lines), spec, decoding), scaling)
    names = numbered(_of_objects(lines, ssd.classes, str(labels or path)))
    return Description(ModelCard(path.stem, "detection", names, spec, _ssd_decoding(runtime, ssd)), scaling, ssd.order)


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
    return dataclasses.replace(card, labels=read_labels(labels)) if labels else card


def read_labels(path: Path) -> tuple[str, ...]:
    """Reads a labels file, one label a line; repeated ones are numbered.

    Raises:
        UsageError: the file isn't there.
        ModelError: it isn't text.
    """
    return numbered(_read_lines(path))


def _read_lines(path: Path) -> list[str]:
    try:
        return _lines(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(f"the labels can't be read: {error.strerror}", where=str(path)) from error


def _carried_lines(path: Path, files: dict[str, bytes], metadata: Metadata) -> list[str]:
    name = metadata.labels_file or next((n for n in files if n.endswith(".txt")), "")
    if name not in files:
        raise ModelError("the file doesn't say what its classes are called", where=str(path), remedy=LABELS_REMEDY)
    return _lines(files[name], f"{path}: {name}")


def _lines(content: bytes, where: str) -> list[str]:
    """The lines of a labels file; none where it is empty."""
    try:
        lines = content.decode("utf-8-sig").rstrip().split("\n")
    except UnicodeDecodeError as error:
        raise ModelError("the labels are not UTF-8 text", where=where, remedy=LABELS_REMEDY) from error
    return [line.strip() for line in lines] if any(lines) else []


def numbered(lines: list[str]) -> tuple[str, ...]:
    """Returns labels of which none is twice: a repeated one, as ImageNet's `crane`, is numbered: `crane (2)`."""
    labels: dict[str, None] = {}
    for name in lines:
        label = name
        count = 1
        while label in labels:
            count += 1
            label = f"{name} ({count})"
        labels[label] = None
    return tuple(labels)


def _of_objects(lines: list[str], classes: int, where: str) -> list[str]:
    """The labels of an SSD's classes: its class 0 is the first object, but many a file's first line is no object.

    Raises:
        ModelError: the lines are not as many as the classes, or one of them is no object.
    """
    background = bool(lines) and lines[0].lower() in _BACKGROUND
    objects = lines[1:] if background else lines
    if len(objects) == classes:
        return objects
    told = f", the first of them {lines[0]!r}" if background else ""
    raise ModelError(
        f"the model has {classes} classes besides the background, but there are {len(lines)} labels{told}",
        where=where,
        remedy=f"give one label a line; before the {classes} there may be one that is ??? or background",
    )


def _ssd_decoding(runtime: Runtime, ssd: PostProcess) -> DetectorDecoding:
    most = runtime.outputs[ssd.order[2]].shape[-1]
    return DetectorDecoding((), (_SSD_THRESHOLD,), min(1.0, max(0.0, ssd.iou)), max(1, most), "postprocessed")


def is_classifier(runtime: Runtime) -> bool:
    """Says whether a model has a classifier's one output, (1, classes)."""
    return len(runtime.outputs) == 1 and len(runtime.outputs[0].shape) == 2


def _scaling(path: Path, metadata: Metadata) -> Scaling:
    """Takes the metadata's scaling.

    Raises:
        ModelError: there is none, or none that could be meant.
    """
    mean, std = metadata.mean, metadata.std
    if not mean or not std:
        what = "the model takes float pixels, but doesn't say how they are scaled"
        remedy = "give it TFLite Metadata with NormalizationOptions, or a uint8 input"
        raise ModelError(what, where=str(path), remedy=remedy)
    sound = all(math.isfinite(value) for value in mean + std) and all(abs(value) > 1e-6 for value in std)
    if not sound or len(mean) not in (1, 3) or len(std) not in (1, 3):
        what = f"the metadata's scaling of pixels can't be meant: mean {mean}, std {std}"
        raise ModelError(
            what, where=str(path), remedy="NormalizationOptions hold one finite value, or one a channel; std is not 0"
        )
    return Scaling(mean, std)


def kind_of_scores(runtime: Runtime, scaling: Scaling | None) -> Literal["probabilities", "logits"]:
    """Runs the model on grey and on noise: probabilities lie within 0..1 and sum to one each time."""
    shape, step = runtime.input.shape[1:], runtime.outputs[0].scale
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    grey = np.full(shape, 128, np.uint8)
    sums = all(_sums_to_one(_run(runtime, pixels, scaling), step) for pixels in (grey, noise))
    return "probabilities" if sums else "logits"


def _run(runtime: Runtime, pixels: NDArray[np.uint8], scaling: Scaling | None) -> NDArray[np.float32]:
    """Returns what the model says of (H, W, 3) uint8 pixels, (C,) float32, dequantized."""
    view = runtime.input_view()
    if scaling:
        mean, std = scaling.rows(pixels.shape[1])
        view[...] = (pixels - mean) / std
    elif runtime.input.dtype == "int8":
        view[...] = (pixels ^ 128).view(np.int8)
    else:
        view[...] = pixels
    del view
    runtime.invoke()
    output, raw = runtime.outputs[0], runtime.output_view(0).astype(np.float32)
    return (raw - output.zero_point) * np.float32(output.scale) if output.scale else raw


def _sums_to_one(scores: NDArray[np.float32], step: float) -> bool:
    """Says whether (C,) scores are probabilities that were rounded to multiples of `step`."""
    slack = 0.1 + len(scores) * step / 2  # of a thousand small probabilities, all may round down to nothing
    return bool(scores.min() >= 0 and scores.max() <= 1 + step and abs(scores.sum() - 1) <= slack)
