"""A single `.tflite` file, ours or not, to the card that says how to run it."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.card import ClassifierDecoding, InputSpec, ModelCard
from edgetl.device.runtime import Runtime
from edgetl.device.tflite_metadata import ClassifierMetadata, read_files, read_metadata
from edgetl.errors import ModelError, UsageError

CARD_FILE = "card.json"
"""The card's name among a `.tflite` file's associated files."""

_LABELS_REMEDY = "give a text file with one label a line: --labels FILE"


@dataclass(frozen=True, slots=True)
class Scaling:
    """Pixels to a float input: (pixel - mean) / std; each has one value, or one a channel."""

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def rows(self, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Returns mean and std as (width, 3) each: NumPy takes whole rows seven times as fast as single pixels."""
        mean, std = (np.resize(np.array(values, np.float32), (width, 3)) for values in (self.mean, self.std))
        return mean, std


def describe(path: Path, runtime: Runtime, labels: Path | None) -> tuple[ModelCard, Scaling | None]:
    """Finds out how to run a model file: from our card inside, else from its metadata, else from `labels`.

    Args:
        path: the `.tflite` file.
        runtime: the same file, loaded; a foreign classifier is run twice, to see what its output is.
        labels: a text file with one label a line, UTF-8; stronger than what the file itself says.

    Returns:
        The card, and the scaling that a foreign float32 input wants, else None.

    Raises:
        ModelError: the file is damaged; or it doesn't say what its classes are and no labels were given; or it
            takes float32 and doesn't say how pixels are scaled.
        UsageError: there is no such labels file.
    """
    files = read_files(path)
    given = read_labels(labels) if labels else None
    if CARD_FILE in files:
        card = _own_card(files[CARD_FILE], f"{path}: {CARD_FILE}")
        return (dataclasses.replace(card, labels=given) if given is not None else card), None
    height, width = runtime.input.shape[1:3]
    card = ModelCard(path.stem, "classification", given or (), InputSpec(height, width))
    if not _looks_like_a_classifier(runtime):
        return card, None  # for the model's own check to refuse: it knows the shapes
    metadata = read_metadata(path)
    if given is None:
        card = dataclasses.replace(card, labels=_carried_labels(path, files, metadata))
    scaling = _scaling(path, metadata) if runtime.input.dtype == "float32" else None
    decoding = ClassifierDecoding("probabilities" if _gives_probabilities(runtime, scaling) else "logits")
    return dataclasses.replace(card, decoding=decoding), scaling


def _own_card(content: bytes, where: str) -> ModelCard:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        remedy = "convert the model again"
        raise ModelError(f"the model card inside is not JSON: {error}", where=where, remedy=remedy) from error
    return ModelCard.from_dict(data, where=where)


def read_labels(path: Path) -> tuple[str, ...]:
    """Reads a labels file, one label a line; repeated ones are numbered.

    Raises:
        UsageError: the file isn't there.
        ModelError: it isn't text.
    """
    try:
        return _parse_labels(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(f"the labels can't be read: {error.strerror}", where=str(path)) from error


def _carried_labels(path: Path, files: dict[str, bytes], metadata: ClassifierMetadata) -> tuple[str, ...]:
    name = metadata.labels_file or next((n for n in files if n.endswith(".txt")), "")
    if name not in files:
        raise ModelError("the file doesn't say what its classes are called", where=str(path), remedy=_LABELS_REMEDY)
    return _parse_labels(files[name], f"{path}: {name}")


def _parse_labels(content: bytes, where: str) -> tuple[str, ...]:
    """One label a line; a repeated one, as ImageNet's `crane`, is numbered: `crane (2)`."""
    try:
        lines = content.decode("utf-8-sig").rstrip().split("\n")
    except UnicodeDecodeError as error:
        raise ModelError("the labels are not UTF-8 text", where=where, remedy=_LABELS_REMEDY) from error
    labels: dict[str, None] = {}
    for line in lines:
        label = name = line.strip()
        count = 1
        while label in labels:
            count += 1
            label = f"{name} ({count})"
        labels[label] = None
    return tuple(labels) if any(labels) else ()


def _looks_like_a_classifier(runtime: Runtime) -> bool:
    known = runtime.input.dtype in ("uint8", "int8", "float32")
    return known and len(runtime.outputs) == 1 and len(runtime.outputs[0].shape) == 2


def _scaling(path: Path, metadata: ClassifierMetadata) -> Scaling:
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


def _gives_probabilities(runtime: Runtime, scaling: Scaling | None) -> bool:
    """Runs the model on grey and on noise: probabilities lie within 0..1 and sum to one each time."""
    shape, step = runtime.input.shape[1:], runtime.outputs[0].scale
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    grey = np.full(shape, 128, np.uint8)
    return all(_sums_to_one(_run(runtime, pixels, scaling), step) for pixels in (grey, noise))


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
