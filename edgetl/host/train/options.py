"""The options of a training as the user states them, and the `train.toml` that keeps them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgetl import schema
from edgetl.argument_types import convert_fields
from edgetl.errors import UsageError
from edgetl.files import read_regular
from edgetl.host.networks.input_range import InputRange
from edgetl.host.train.path_text import path_from_text, path_to_text
from edgetl.store.model import derived_name

TaskName = Literal["classification", "detection"]
"""The task of a model: a classifier is trained from class folders, a detector from photos with boxes."""
Resize = Literal["stretch", "crop", "letterbox"]
"""The ways in which a photo becomes square, see `edgetl.card.InputSpec`."""
OptimizerName = Literal["adamw", "adam", "sgd", "rmsprop"]
"""The optimizers that a training offers, in lower case."""
BatchNorm = Literal["frozen", "train"]
"""The two treatments of batch normalization: it keeps its pretrained statistics and scales, or learns them."""
Precision = Literal["float32", "mixed"]
"""The arithmetic of a training; `mixed` computes in 16 bits on a GPU."""

CLASSIFIER_ONLY = frozenset({"head", "dropout", "head_epochs", "head_rate", "label_smoothing", "class_weights"})
"""The options that mean nothing to a detector."""
DETECTOR_ONLY = frozenset({"strides"})
"""The options that mean nothing to a classifier."""
_LEVELS = [(4, 8, 16, 32)[i:j] for i in range(4) for j in range(i + 1, 5)]
"""The strides that a detector may have, px; without gaps, because each level passes its features to the next finer."""

_LIMITS = {
    "size": (96, 1024),
    "head": (0, 65_536),
    "dropout": (0, 0.95),
    "head_epochs": (0, 100_000),
    "head_rate": (1e-9, 10),
    "epochs": (0, 100_000),
    "rate": (1e-9, 10),
    "weight_decay": (0, 10),
    "warmup": (0, 1),
    "layer_decay": (0.001, 1),
    "freeze": (0, 100_000),
    "label_smoothing": (0, 0.9),
    "augment": (0, 10),
    "ema": (0, 0.9999),
    "patience": (0, 100_000),
    "batch": (1, 4096),
    "seed": (0, 2**32 - 1),
    "split_seed": (0, 2**32 - 1),
    "val_fraction": (0.01, 0.9),
}
"""The smallest and the largest value of each numeric option; a value beyond them is a typing error."""


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """The options of a training, as the user states them.

    An option at None is left to edgetl: `edgetl.host.train.resolve` chooses its value from the data set, the task and
    the weights.

    Example:
        >>> import edgetl
        >>> options = edgetl.TrainOptions("photos", "parts", size=96, epochs=30)
        >>> print(options.to_toml(), end="")  # doctest: +ELLIPSIS
        data = "photos"
        name = "parts"
        size = 96
        ...

    Attributes:
        data: the folder of labelled photos: class folders, or photos with boxes.
        name: the model's name in the store.
        backbone: the network under the head, a key of `edgetl.host.train.weights.backbones.FAMILIES`.
        alpha: the width multiplier of the backbone.
        size: the input's height and width, px, from 96. The default is 224, or 320 for a detector, whose size must be
            a multiple of 32.
        resize: how a photo becomes square, see `edgetl.card.InputSpec`. The default is stretch, or letterbox for a
            detector.
        weights: auto, best, imagenet, starter, none, a weights file, or the name of a model in the store. Auto means
            imagenet if Keras has those weights or can download them, else starter, which is mobilenet_v2 0.35. Best
            means the start that `edgetl.rank_starts` puts first, if it also proves itself in a short training.
        strides: the strides of a detector's levels, px: 8 for small objects, 32 for large ones. The default is 8, 16
            and 32.
        input_range: the range of pixel values that the weights were trained on.
        head: the units of a hidden ReLU layer between pooling and softmax; 0 leaves the layer out.
        dropout: the share of features that the dropout before the softmax layer drops, 0..1.
        head_epochs: the epochs of the first stage, which trains the head alone on features that are computed once. The
            default is 40, or 0 on random weights.
        head_rate: the peak learning rate of the first stage.
        epochs: the epochs of the second stage, which trains the backbone with the head. The default is smaller the more
            photos there are.
        rate: the peak learning rate of the second stage. The default is 5e-4; 5e-3 on random weights; 2e-3 for a
            detector, on the starter, and on a stored model that itself began with random weights.
        optimizer: the optimizer of both stages.
        weight_decay: the weight decay of adamw.
        warmup: the share of the steps during which the learning rate rises, 0..1.
        layer_decay: the share of the learning rate at which the backbone's first layer learns, 0..1; the last layer
            learns at all of it. The default is 0.5, or 1 for a detector, on random weights and on the starter.
        freeze: the number of the backbone's first layers that don't learn. The default is 0, or, for a detector on
            pretrained weights, the number of layers before stride 8.
        batch_norm: `frozen` keeps the pretrained statistics and scales, `train` adapts them. The default is frozen, or
            train on random weights and on the starter.
        label_smoothing: the share of each label that is spread over all classes, 0..1.
        class_weights: whether classes are weighted inversely to the square root of their counts. The default is yes if
            one class has at least twice as many photos as another.
        augment: the strength of flips, turns, zooms, shifts and colour changes; 0 turns them off.
        flip: whether a mirrored photo still shows the same class.
        ema: the decay of the averaged weights, which are validated and stored, and from which each epoch of a
            classifier continues; 0 turns averaging off. The default is 0.99, or 0 for a classifier on random
            weights, which an average would hold back.
        patience: the number of epochs without a better validation after which the second stage stops; 0 never stops
            it. The default is a third of the epochs.
        batch: the photos of a step. The default is 32, or 16 for a detector.
        seed: the seed of everything random except the split.
        split_seed: the seed of the choice of validation photos. Trainings that differ in `seed` alone are measured on
            the same photos, so their figures can be compared.
        precision: `mixed` computes in 16 bits on a GPU.
        val_fraction: the share of photos held back for validation if the folder has no `val/`, 0..1.
        strict: whether a photo that can't be read is an error.
    """

    data: str
    name: str
    backbone: str | None = None
    alpha: float | None = None
    size: int | None = None
    resize: Resize | None = None
    weights: str = "auto"
    strides: tuple[int, ...] | None = None
    input_range: InputRange | None = None
    head: int = 0
    dropout: float = 0.2
    head_epochs: int | None = None
    head_rate: float = 2e-3
    epochs: int | None = None
    rate: float | None = None
    optimizer: OptimizerName = "adamw"
    weight_decay: float = 0.01
    warmup: float = 0.1
    layer_decay: float | None = None
    freeze: int | None = None
    batch_norm: BatchNorm | None = None
    label_smoothing: float = 0.1
    class_weights: bool | None = None
    augment: float = 1.0
    flip: bool = True
    ema: float | None = None
    patience: int | None = None
    batch: int | None = None
    seed: int = 0
    split_seed: int = 0
    precision: Precision = "float32"
    val_fraction: float = 0.2
    strict: bool = False

    def __post_init__(self) -> None:
        convert_fields(self)
        for key in ("data", "name", "weights", "backbone"):
            if "\0" in (getattr(self, key) or ""):
                raise UsageError(f"--{key} can't have a NUL character", remedy="leave the character out")
        for key, (low, high) in _LIMITS.items():
            value = getattr(self, key)
            if value is not None and not low <= value <= high:
                what = f"--{key.replace('_', '-')} must be {low:g} to {high:g}, got {value:g}"
                raise UsageError(what, remedy=f"choose it from {low:g} to {high:g}")
        if self.strides is not None and self.strides not in _LEVELS:
            remedy = "choose from 4, 8, 16 and 32, ascending, without gaps; 8,16,32 suits most data sets"
            raise UsageError(f"no detector has --strides {','.join(map(str, self.strides))}", remedy=remedy)

    def require_defaults(self, names: frozenset[str], reason: str) -> None:
        """Passes if none of some options was set.

        Args:
            names: the options that mean nothing to this training.
            reason: why they mean nothing, as the beginning of the error's sentence.

        Raises:
            UsageError: one of the options was set; the error names each of them.
        """
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        changed = [f"--{name.replace('_', '-')}" for name in sorted(names) if getattr(self, name) != defaults[name]]
        if changed:
            remedy = f"leave {'it' if len(changed) == 1 else 'them'} out"
            raise UsageError(f"{reason}, which has no {', '.join(changed)}", where=self.data, remedy=remedy)

    def to_toml(self) -> str:
        """Returns the options as TOML, without those at None.

        TOML can't hold a path that isn't UTF-8: such a path becomes a `file:` URI.
        """
        rows = dataclasses.asdict(self)
        rows |= {key: path_to_text(rows[key]) for key in ("data", "weights")}
        return schema.to_toml(rows)

    @classmethod
    def collect(
        cls, data: str | None, name: str | None, overrides: Mapping[str, object], config: Path | None
    ) -> TrainOptions:
        """Combines options: `overrides` take precedence over `config`, and `config` over the defaults.

        Args:
            data: the photos' folder; None takes that of `config`, or else the folder `data`.
            name: the model's name; None takes that of `config`, or else derives it from the folder's name.
            overrides: the values of further options, by name.
            config: the path of a `train.toml`; None takes the defaults.

        Raises:
            UsageError: an option or the config isn't valid.
        """
        base = dataclasses.asdict(cls.load(config)) if config else {}
        folder = data or str(base.get("data") or "data")
        model = name or str(base.get("name") or "") or derived_name(Path(folder).resolve().name)
        return cls(**{**base, **overrides, "data": folder, "name": model})

    @classmethod
    def load(cls, path: Path) -> TrainOptions:
        """Reads a `train.toml`.

        A file of an earlier edgetl has no `split_seed`: its `seed` is also that of the split.

        Raises:
            UsageError: the file isn't there or isn't valid.
        """
        try:
            rows = schema.parse_toml(read_regular(path, schema.MOST_TOML_BYTES))
            options = schema.parse(cls, {"split_seed": rows.get("seed", 0), **rows})
            return dataclasses.replace(
                options, data=path_from_text(options.data), weights=path_from_text(options.weights)
            )
        except FileNotFoundError as error:
            raise UsageError("there is no such file", where=str(path), remedy="give a train.toml") from error
        except OSError as error:
            what = f"the training's options can't be read: {error.strerror}"
            raise UsageError(what, where=str(path), remedy="give a train.toml") from error
        except schema.SchemaError as error:
            raise UsageError(f"not a train.toml: {error}", where=str(path), remedy="correct the file") from error
