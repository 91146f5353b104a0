"""Resolves the options of a training once: what the user left open is chosen from the weights and the data set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Literal, TypeVar

from edgetl.card import InputSpec
from edgetl.errors import UsageError
from edgetl.host.networks.input_range import InputRange
from edgetl.host.train.options import BatchNorm, OptimizerName, Precision, Resize, TaskName, TrainOptions
from edgetl.host.train.weights.source import WeightsSource, check_source, choose_network

T = TypeVar("T")
OptionsT = TypeVar("OptionsT", bound="ResolvedOptions")

_SIZES: dict[TaskName, int] = {"classification": 224, "detection": 320}
"""The input's height and width if neither the options nor a stored model say, px."""
_RESIZES: dict[TaskName, Resize] = {"classification": "stretch", "detection": "letterbox"}
"""The default way in which a photo becomes square; a detector must not change the shape of boxes."""
_STRIDES = (8, 16, 32)
"""The strides of a detector's levels by default, px."""
_HEAD_EPOCHS = 40
"""The epochs of the head alone on pretrained weights; they take seconds, because the features are computed once."""
_PHOTOS_SHOWN = 80_000
"""A classifier's second stage shows about this many photos, all epochs together, within 10 to 60 epochs."""
_DETECTOR_STEPS = 1500
"""A detector needs this many steps even for few photos: after 500 it finds nearly all it will, but boxes are loose."""
_LEAST_BINS = 16
"""A detector describes each distance by at least this many values, as usual, so that each level has larger objects."""
_LEAST_STEPS = 20
"""A detector's epoch has at least this many steps; validation after every other step would take most of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedOptions:
    """The options of a training, each with a value; `TrainOptions` describes their meaning."""

    data: str
    name: str
    backbone: str
    alpha: float
    size: int
    resize: Resize
    weights: str
    input_range: InputRange
    epochs: int
    rate: float
    optimizer: OptimizerName
    weight_decay: float
    warmup: float
    layer_decay: float
    batch_norm: BatchNorm
    augment: float
    flip: bool
    ema: float
    patience: int
    batch: int
    seed: int
    split_seed: int
    precision: Precision
    val_fraction: float
    strict: bool

    def to_train_options(self) -> TrainOptions:
        """Returns options that repeat this training, for `train.toml`."""
        values = asdict(self)
        if values["freeze"] == "stem":
            values["freeze"] = None
        return TrainOptions(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierOptions(ResolvedOptions):
    """The resolved options of a classifier's training."""

    freeze: int
    head: int
    dropout: float
    head_epochs: int
    head_rate: float
    label_smoothing: float
    class_weights: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorOptions(ResolvedOptions):
    """The resolved options of a detector's training.

    Attributes:
        freeze: the number of the backbone's first layers that don't learn; `stem` stands for those before stride 8,
            whose number is known once the backbone is built.
    """

    freeze: int | Literal["stem"]
    strides: tuple[int, ...]

    @property
    def bins(self) -> int:
        """The number of values that describe a distance, see `edgetl.vision.distances`: a box may fill the input."""
        return max(_LEAST_BINS, math.ceil(self.size / self.strides[-1]) + 1)


def check_options(options: TrainOptions, source: WeightsSource) -> None:
    """Refuses options that can't work, as far as no photos are needed to know.

    Raises:
        UsageError: the backbone or its width is unknown, the weights are of another network, or nothing would be
            trained.
        ModelError: the weights file isn't there.
    """
    check_source(options, source)
    if options.epochs == 0 == _head_epochs(options, source):
        remedy = "give --epochs or --head-epochs more than 0; random weights have no head epochs by default"
        raise UsageError("nothing would be trained: there are no epochs of either stage", remedy=remedy)


def resolve_input(options: TrainOptions, source: WeightsSource, task: TaskName) -> InputSpec:
    """Returns the model's input: of the options, else of a stored model of the same task, else the task's default."""
    model = source.model if source.model and source.model.card.task == task else None
    size = options.size or (model.card.input.height if model else _SIZES[task])
    return InputSpec(size, size, resize=options.resize or _RESIZES[task])


def resolve_classifier(
    options: TrainOptions, source: WeightsSource, spec: InputSpec, counts: Sequence[int]
) -> ClassifierOptions:
    """Resolves the options of a classifier's training.

    Args:
        options: the options as the user stated them.
        source: the weights' source, of any kind except `auto`.
        spec: the model's input.
        counts: the number of training photos of each class.

    Raises:
        UsageError: the backbone or its width is unknown.
    """
    random, free = source.kind == "none", source.kind == "none" or source.knows_little
    epochs = _value_or(options.epochs, classifier_epochs(sum(counts)))
    return _resolved(
        ClassifierOptions,
        options,
        source,
        spec,
        head_epochs=_head_epochs(options, source),
        epochs=epochs,
        rate=_value_or(options.rate, 5e-3 if random else 2e-3 if free else 5e-4),
        layer_decay=_value_or(options.layer_decay, 1.0 if free else 0.5),
        freeze=_value_or(options.freeze, 0),
        ema=_value_or(options.ema, 0.0 if random else 0.99),
        class_weights=_value_or(options.class_weights, max(counts) >= 2 * min(counts)),
        patience=_value_or(options.patience, _patience(epochs)),
        batch=_value_or(options.batch, 32),
        batch_norm=options.batch_norm or ("train" if free else "frozen"),
    )


def resolve_detector(options: TrainOptions, source: WeightsSource, spec: InputSpec, photos: int) -> DetectorOptions:
    """Resolves the options of a detector's training.

    Args:
        options: the options as the user stated them.
        source: the weights' source, of any kind except `auto`.
        spec: the model's input.
        photos: the number of training photos.

    Raises:
        UsageError: the backbone or its width is unknown.
    """
    free = source.kind == "none" or source.knows_little
    batch_norm = options.batch_norm or ("train" if free else "frozen")
    batch = _value_or(options.batch, 16)
    epochs = _value_or(options.epochs, detector_epochs(photos, batch))
    return _resolved(
        DetectorOptions,
        options,
        source,
        spec,
        strides=options.strides or _STRIDES,
        batch=batch,
        epochs=epochs,
        rate=_value_or(options.rate, 2e-3),
        layer_decay=_value_or(options.layer_decay, 1.0),
        freeze=_value_or(options.freeze, "stem" if batch_norm == "frozen" else 0),
        ema=_value_or(options.ema, 0.99),
        patience=_value_or(options.patience, _patience(epochs)),
        batch_norm=batch_norm,
    )


def classifier_epochs(photos: int) -> int:
    """Returns the default epochs of a classifier's second stage: 10 to 60, fewer the more training photos there are."""
    return max(10, min(60, round(_PHOTOS_SHOWN / photos)))


def detector_epochs(photos: int, batch: int) -> int:
    """Returns the default epochs of a detector: at least 12, and at least 1500 steps."""
    return max(12, math.ceil(_DETECTOR_STEPS / detector_steps(photos, batch)))


def detector_steps(photos: int, batch: int) -> int:
    """Returns the steps of a detector's epoch: the photos once, or several times if they are few."""
    return max(_LEAST_STEPS, photos // batch)


def _resolved(
    kind: type[OptionsT], options: TrainOptions, source: WeightsSource, spec: InputSpec, **chosen: object
) -> OptionsT:
    """Returns resolved options of a kind: the chosen values, and every other value as the user stated it."""
    name, alpha = choose_network(options, source)
    stored_range = source.backbone.input_range if source.backbone else "-1..1"
    values = {field.name: getattr(options, field.name) for field in fields(kind)}
    values |= {"backbone": name, "alpha": alpha, "size": spec.height, "resize": spec.resize, "weights": source.name}
    values |= {"input_range": options.input_range or stored_range}
    values |= chosen
    return kind(**values)


def _head_epochs(options: TrainOptions, source: WeightsSource) -> int:
    return _value_or(options.head_epochs, 0 if source.kind == "none" else _HEAD_EPOCHS)


def _patience(epochs: int) -> int:
    return max(10, epochs // 3)


def _value_or(value: T | None, default: T) -> T:
    return default if value is None else value
