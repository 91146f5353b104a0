"""Defines the model card, the one description that travels with the weights, and reads it strictly."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

from edgetl import schema
from edgetl.argument_types import path_argument
from edgetl.chosen_start import ChosenStart
from edgetl.document import REMEDY as _REMEDY
from edgetl.document import check_version, read_json
from edgetl.errors import ModelError
from edgetl.text import label_problem
from edgetl.validation_profile import ValidationProfile

SCHEMA_VERSION = 1
"""A card has this version; another one is refused."""
_LARGEST_INPUT = 8192
"""A model's input may have at most this many pixels a side, which bounds the memory that a card can ask for."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The form into which a frame is brought for the network.

    Attributes:
        height: height of the input, px.
        width: width of the input, px.
        color: order of the three uint8 channels that the network takes.
        resize: way to fit the frame in. `stretch` fills the input and changes the aspect ratio; `crop` takes the
            largest centred part of the frame that has the input's aspect ratio; `letterbox` fits the whole frame in,
            with its aspect ratio, between grey bars.
        interpolation: OpenCV's name of the resampling. `linear` is fast, but some processors round it differently, by
            one level of 255; `linear_exact` gives the same pixels everywhere and takes about twice as long.
    """

    height: int
    width: int
    color: Literal["rgb", "bgr"] = "rgb"
    resize: Literal["stretch", "crop", "letterbox"] = "stretch"
    interpolation: Literal["linear", "linear_exact", "area"] = "linear"


@dataclass(frozen=True, slots=True)
class ClassifierDecoding:
    """The meaning of a classifier's output.

    A model with one output column may have two labels: the column is then the score of the second label, and the first
    label has the rest to 1.

    Attributes:
        scores: kind of the outputs. `probabilities` sum to one; `logits` need a softmax, or a sigmoid if the model has
            one output column; `independent` scores each lie in 0..1 and needn't sum to one, like those of sigmoids.
        threshold: smallest score that is shown, 0..1; if the best score is below it, the result is "nothing known".
    """

    scores: Literal["probabilities", "logits", "independent"] = "probabilities"
    threshold: float = 0.0


@dataclass(frozen=True, slots=True)
class DetectorDecoding:
    """The meaning of a detector's outputs: logits and raw distances of A cells, or finished objects.

    The logits are (A, C), the raw distances (A, 4 * bins).

    Attributes:
        strides: distances of the cells in each level, px of the input, ascending; used by the kind `ltrb` only.
        thresholds: smallest score that is shown, 0..1, for each class, or one for all classes.
        iou: largest overlap (IoU) of two boxes of a class, 0..1; of boxes that overlap by more, the better one stays.
        max_det: largest number of objects in a frame.
        kind: kind of the outputs. For `ltrb`, they give the distances of the left, top, right and bottom edge from the
            cell's centre, in strides. For `postprocessed`, the outputs are the boxes, classes, scores and count of
            `TFLite_Detection_PostProcess`, which ready-made SSDs contain; non-maximum suppression is already done.
        vote_iou: smallest overlap (IoU) of two boxes that show the same object, 0..1; a found box is placed at the mean
            of these boxes, see `edgetl.vision.box_voting`. 1 leaves boxes where they are.
        bins: number of values for each distance, see `edgetl.vision.distances`; used by the kind `ltrb` only.
    """

    strides: tuple[int, ...] = (8, 16, 32)
    thresholds: tuple[float, ...] = (0.25,)
    iou: float = 0.5
    max_det: int = 100
    kind: Literal["ltrb", "postprocessed"] = "ltrb"
    vote_iou: float = 1.0
    bins: int = 1


@dataclass(frozen=True, slots=True)
class Backbone:
    """The network below the head, and the origin of its weights.

    Attributes:
        name: mobilenet_v1, mobilenet_v2, mobilenet_v3_small or mobilenet_v3_large; `foreign` for a whole model that was
            trained elsewhere.
        alpha: width multiplier of the MobileNet.
        weights: origin of the weights: imagenet, starter, none, the name of a weights file, or `model NAME` for a model
            of the store; for a foreign model, the name of the file or folder that was converted.
        weights_sha256: SHA-256 of the weights file, as hex; empty if the weights came from no file.
        input_range: range of the pixel values on which the backbone was trained.
    """

    name: str
    alpha: float = 1.0
    weights: str = "none"
    weights_sha256: str = ""
    input_range: Literal["-1..1", "0..1", "0..255"] = "-1..1"


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """The data set on which a model was trained, or a foreign model was verified.

    Attributes:
        path: path of the data set, as the user wrote it.
        fingerprint: SHA-256 over every photo's content and label, as hex.
        train: number of photos used for training, or for the calibration of a foreign model.
        val: number of photos held back for validation.
        seed: seed of the split.
        val_fraction: share of the photos held back if the folder has no split of its own, 0..1.
        split: SHA-256 over the content of the photos held back, as hex.
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
    """The description of a model: everything that is needed to run it.

    Example:
        >>> import edgetl
        >>> from edgetl.card import InputSpec
        >>> card = edgetl.ModelCard("parts", "classification", ("bolt", "nut"), InputSpec(height=224, width=224))
        >>> edgetl.ModelCard.from_dict(card.to_dict(), where="card.json") == card
        True

    Attributes:
        name: the model's name in the store.
        task: the model's task.
        labels: names of the classes, in the order of the output's columns.
        input: form of the input.
        decoding: meaning of the outputs; its type follows from the task.
        backbone: network below the head, and the origin of its weights; None if unknown.
        dataset: data set of the training; None if unknown.
        metrics: figures on the validation photos by name, e.g. `top1` or `map`, 0..1.
        created: time of the training, ISO 8601 in UTC.
        version: version of edgetl that wrote the card.
        schema: version of the card's format.
        start: choice of the weights that the training began with; None if the user named them.
        validation: distribution of the answers on the validation photos; None if it was not recorded.
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
    start: ChosenStart | None = None
    validation: ValidationProfile | None = None

    @property
    def classifier(self) -> ClassifierDecoding:
        """The decoding of a classifier; for another model it raises ModelError."""
        if isinstance(self.decoding, ClassifierDecoding):
            return self.decoding
        raise ModelError("a classifier is needed here, but this is a detection model", where=self.name)

    @property
    def detector(self) -> DetectorDecoding:
        """The decoding of a detector; for another model it raises ModelError."""
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
        """Reads a card from parsed JSON.

        Args:
            data: the parsed JSON.
            where: path of the file, for messages.

        Raises:
            ModelError: the schema version is unknown, or the document is not valid.
        """
        check_version(data, SCHEMA_VERSION, where)
        try:
            card = schema.parse(cls, data)
        except schema.SchemaError as error:
            raise ModelError(f"the model card is not valid: {error}", where=where, remedy=_REMEDY) from error
        problem = _labels_problem(card.labels) or _input_problem(card.input) or _decoding_problem(card)
        problem = problem or (card.start.problem if card.start else "")
        problem = problem or (card.validation.problem(len(card.labels)) if card.validation else "")
        if problem:
            raise ModelError(f"the model card's {problem}", where=where, remedy=_REMEDY)
        return card

    @classmethod
    def load(cls, path: Path | str) -> ModelCard:
        """Reads a card from a JSON file.

        Raises:
            ModelError: the file is missing, isn't JSON, or isn't a card.
        """
        path = path_argument(path, "path")
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
    if not all(0 <= share <= 1 for share in (*decoding.thresholds, decoding.iou, decoding.vote_iou)):
        return "decoding.thresholds, iou and vote_iou must lie in 0..1"
    return "" if min(decoding.max_det, decoding.bins) > 0 else "decoding.max_det and bins must be positive"
