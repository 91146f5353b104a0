"""The model card: the one description that travels with the weights."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

from edgetl import schema
from edgetl.document import REMEDY as _REMEDY
from edgetl.document import check_version, read_json
from edgetl.errors import ModelError
from edgetl.text import label_problem

SCHEMA_VERSION = 1
_LARGEST_INPUT = 8192
"""The input of a model may have at most this many pixels a side, which bounds the memory that a card can ask for."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What a frame becomes before the network sees it.

    Attributes:
        height: px.
        width: px.
        color: order of the three uint8 channels the network takes.
        resize: `stretch` fills the input and lets the aspect ratio go; `crop` takes the largest centred
            part of the frame that has the input's aspect ratio; `letterbox` fits the whole frame in, its aspect ratio
            kept, between bars of grey.
        interpolation: OpenCV's name of the resampling. `linear` is quick, and rounds a level of 255 otherwise on some
            processors; `linear_exact` gives the same everywhere, and takes about twice as long.
    """

    height: int
    width: int
    color: Literal["rgb", "bgr"] = "rgb"
    resize: Literal["stretch", "crop", "letterbox"] = "stretch"
    interpolation: Literal["linear", "linear_exact", "area"] = "linear"


@dataclass(frozen=True, slots=True)
class ClassifierDecoding:
    """What a classifier's output means.

    Attributes:
        scores: `probabilities` sum to one; `logits` still want a softmax, or a sigmoid where the model has one output
            column; `independent` scores lie in 0..1 each and need not sum to one, as sigmoids give them.
        threshold: the display threshold, 0..1: a best score below it means "nothing known".

    A model with one output column may have two labels: the column is then the score of the second label, and the first
    label has the rest to 1.
    """

    scores: Literal["probabilities", "logits", "independent"] = "probabilities"
    threshold: float = 0.0


@dataclass(frozen=True, slots=True)
class DetectorDecoding:
    """What a detector's outputs mean: logits (A, C) and raw distances (A, 4) of A cells, or finished objects.

    Attributes:
        strides: of the levels, px of the input, ascending; of `ltrb` only.
        thresholds: the display thresholds, 0..1, one a class; a single one holds for every class.
        iou: of two boxes of a class that overlap by more, 0..1, only the better one stays.
        max_det: at most so many objects a frame.
        kind: `ltrb`: softplus(raw) x stride is how far left, top, right and bottom are from the cell's centre;
            `postprocessed`: the boxes, classes, scores and count of `TFLite_Detection_PostProcess`, as a ready-made
            SSD gives them, suppressed already.
    """

    strides: tuple[int, ...] = (8, 16, 32)
    thresholds: tuple[float, ...] = (0.25,)
    iou: float = 0.5
    max_det: int = 100
    kind: Literal["ltrb", "postprocessed"] = "ltrb"


@dataclass(frozen=True, slots=True)
class Backbone:
    """The network under the head, and where its knowledge came from.

    Attributes:
        name: mobilenet_v1, mobilenet_v2, mobilenet_v3_small or mobilenet_v3_large; or `foreign`, of a whole model that
            was trained elsewhere.
        alpha: width multiplier.
        weights: imagenet, starter, none, the name of a weights file, or `model NAME` of the store; of a foreign model
            the name of the file or folder that it was converted from.
        weights_sha256: of that file, where it was one.
        input_range: the pixel values the backbone was trained on.
    """

    name: str
    alpha: float = 1.0
    weights: str = "none"
    weights_sha256: str = ""
    input_range: Literal["-1..1", "0..1", "0..255"] = "-1..1"


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """The data set a model was trained on; of a foreign model, the one it was proved on.

    Attributes:
        path: as it was given.
        fingerprint: SHA-256 over every photo's content and label.
        train: photos trained on; of a foreign model, those to calibrate with.
        val: photos held back for validation.
        seed: of the split.
        val_fraction: share of the photos held back where the folder had no split of its own.
        split: SHA-256 over the content of the photos held back.
    """

    path: str
    fingerprint: str
    train: int
    val: int
    seed: int = 0
    val_fraction: float = 0.2
    split: str = ""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything anyone needs to know to run a model.

    Attributes:
        name: in the store.
        task: what it does.
        labels: in the order of the output's columns.
        input: see `InputSpec`.
        decoding: see `ClassifierDecoding` and `DetectorDecoding`; the task decides which.
        backbone: None for a model that edgetl didn't train.
        dataset: None for a model that edgetl didn't train.
        metrics: measured on the validation split, e.g. top1.
        created: ISO 8601, UTC.
        version: of edgetl that wrote it.
        schema: of this document.
    """

    name: str
    task: Literal["classification", "detection"]
    labels: tuple[str, ...]
    input: InputSpec
    decoding: ClassifierDecoding | DetectorDecoding = ClassifierDecoding()
    backbone: Backbone | None = None
    dataset: DatasetInfo | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    created: str = ""
    version: str = ""
    schema: int = SCHEMA_VERSION

    @property
    def classifier(self) -> ClassifierDecoding:
        """A classifier's decoding.

        Raises:
            ModelError: the model is no classifier.
        """
        if isinstance(self.decoding, ClassifierDecoding):
            return self.decoding
        raise ModelError("a classifier is needed here, but this is a detection model", where=self.name)

    @property
    def detector(self) -> DetectorDecoding:
        """A detector's decoding.

        Raises:
            ModelError: the model is no detector.
        """
        if isinstance(self.decoding, DetectorDecoding):
            return self.decoding
        raise ModelError("a detector is needed here, but this is a classification model", where=self.name)

    def to_dict(self) -> dict[str, object]:
        """Returns the card as JSON-ready values."""
        return dataclasses.asdict(self)

    def to_json(self) -> str:
        """Returns the card as indented JSON."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @classmethod
    def from_dict(cls, data: object, *, where: str) -> ModelCard:
        """Reads a card.

        Args:
            data: parsed JSON.
            where: the file it came from, for messages.

        Raises:
            ModelError: an unknown schema version or a document that doesn't fit.
        """
        check_version(data, SCHEMA_VERSION, where)
        try:
            card = schema.parse(cls, data)
        except schema.SchemaError as error:
            raise ModelError(f"the model card is not valid: {error}", where=where, remedy=_REMEDY) from error
        problem = _labels_problem(card.labels) or _input_problem(card.input) or _decoding_problem(card)
        if problem:
            raise ModelError(f"the model card's {problem}", where=where, remedy=_REMEDY)
        return card

    @classmethod
    def load(cls, path: Path) -> ModelCard:
        """Reads a card from a JSON file.

        Raises:
            ModelError: the file is missing, isn't JSON, or isn't a card.
        """
        return cls.from_dict(read_json(path), where=str(path))


def _labels_problem(labels: tuple[str, ...]) -> str:
    """Returns what is wrong with a card's labels; an empty text if nothing is."""
    if len(set(labels)) != len(labels) or not labels:
        return "labels are empty or repeat"
    problems = ((label, label_problem(label)) for label in labels)
    return next((f"label {label[:40]!r} can't be used: {why}" for label, why in problems if why), "")


def _input_problem(spec: InputSpec) -> str:
    """Returns what is wrong with the size of a card's input; an empty text if nothing is."""
    if min(spec.height, spec.width) >= 1 and max(spec.height, spec.width) <= _LARGEST_INPUT:
        return ""
    return f"input size must be 1 to {_LARGEST_INPUT} px a side, got {spec.height} x {spec.width}"


def _decoding_problem(card: ModelCard) -> str:
    """Returns what is wrong with a card's decoding; an empty text if nothing is."""
    decoding = card.decoding
    fits = "classification" if isinstance(decoding, ClassifierDecoding) else "detection"
    if fits != card.task:
        return f"task is {card.task}, but its decoding is one of {fits}"
    if isinstance(decoding, ClassifierDecoding):
        return "" if 0 <= decoding.threshold <= 1 else "decoding.threshold must lie in 0..1"
    steps = pairwise((0, *decoding.strides))
    if decoding.kind == "ltrb" and (not decoding.strides or any(a >= b for a, b in steps)):
        return "decoding.strides must be positive and ascend"
    if len(decoding.thresholds) not in (1, len(card.labels)):
        return f"decoding.thresholds must be one, or one for each of the {len(card.labels)} labels"
    if not all(0 <= share <= 1 for share in (*decoding.thresholds, decoding.iou)):
        return "decoding.thresholds and iou must lie in 0..1"
    return "" if decoding.max_det > 0 else "decoding.max_det must be positive"
