"""Every option of a training, resolved; `train.toml` is this and nothing else."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote_from_bytes, unquote_to_bytes

from edgetl import schema
from edgetl.errors import UsageError
from edgetl.files import read_regular
from edgetl.store.model import derived_name

CLASSIFIER_ONLY = frozenset({"head", "dropout", "head_epochs", "head_rate", "label_smoothing", "class_weights"})
DETECTOR_ONLY = frozenset({"strides"})
_LEVELS = [(4, 8, 16, 32)[i:j] for i in range(4) for j in range(i + 1, 5)]
"""Strides that a detector may have: each level hands on what it sees to the next finer one."""

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
"""The smallest and the largest value of each option that is a number; beyond them a training can't be meant."""


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How a model is trained. An option left at None is resolved from the data set, its task and the weights.

    Attributes:
        data: folder of labelled photos: class folders, or photos with boxes.
        name: of the model in the store.
        backbone: see `edgetl.host.train.weights.backbones.FAMILIES`.
        alpha: width multiplier.
        size: input height and width, px, from 96; 224, or 320 of a detector, whose must be a multiple of 32.
        resize: how a photo becomes square, see `edgetl.card.InputSpec`; stretch, or letterbox for a detector.
        weights: auto, imagenet, starter, none, a file, or the name of a model in the store; auto is imagenet where
            Keras has it or can download it, else starter, which is mobilenet_v2 0.35.
        strides: of a detector's levels, px: 8 for small objects, 32 for large ones; all three of 8, 16 and 32.
        input_range: the pixel values the weights were trained on.
        head: units of a hidden ReLU layer between pooling and softmax; 0 leaves it out.
        dropout: before the softmax layer.
        head_epochs: of the head alone, on features computed once; 40, or 0 on random weights.
        head_rate: peak learning rate of that stage.
        epochs: of the backbone with the head, after the head's own; fewer the more photos there are.
        rate: peak learning rate of that stage; 5e-4, or 5e-3 on random weights, or 2e-3 of a detector, on the starter
            and on those of a stored model that began with random ones.
        optimizer: adamw, adam, sgd or rmsprop.
        weight_decay: for adamw.
        warmup: share of the steps over which the rate rises.
        layer_decay: the first layer learns at this share of the rate, the last at all of it; 0.5, or 1 of a
            detector, on random weights and the starter.
        freeze: the first so many layers of the backbone don't learn; 0, or of a detector on pretrained weights those
            before stride 8.
        batch_norm: `frozen` keeps the pretrained statistics and scales; `train`, for random weights
            and the starter, adapts them.
        label_smoothing: 0..1.
        class_weights: weigh classes inversely to the square root of their counts; where one has twice another's photos.
        augment: strength of flips, turns, zooms, shifts and colour changes; 0 is none.
        flip: whether a mirrored photo still shows the same class.
        ema: decay of the averaged weights that are validated and kept, and that each epoch of a classifier goes on
            from; 0 is none; 0.99, or 0 on random weights, which an average would hold back, or 0.98 of a detector.
        patience: stop the second stage after so many epochs that validate no better; a third of them; 0 never stops.
        batch: photos a step; 32, or 16 of a detector.
        seed: of everything random but the split.
        split_seed: of the choice of the photos held back. Trainings that differ in `seed` alone are measured on the
            same photos, so that their figures can be compared.
        precision: `mixed` computes in 16 bits where a GPU does.
        val_fraction: share of photos held back where the folder has no `val/`.
        strict: a photo that doesn't open is an error.
    """

    data: str
    name: str
    backbone: str | None = None
    alpha: float | None = None
    size: int | None = None
    resize: Literal["stretch", "crop", "letterbox"] | None = None
    weights: str = "auto"
    strides: tuple[int, ...] | None = None
    input_range: Literal["-1..1", "0..1", "0..255"] | None = None
    head: int = 0
    dropout: float = 0.2
    head_epochs: int | None = None
    head_rate: float = 2e-3
    epochs: int | None = None
    rate: float | None = None
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop"] = "adamw"
    weight_decay: float = 0.01
    warmup: float = 0.1
    layer_decay: float | None = None
    freeze: int | None = None
    batch_norm: Literal["frozen", "train"] | None = None
    label_smoothing: float = 0.1
    class_weights: bool | None = None
    augment: float = 1.0
    flip: bool = True
    ema: float | None = None
    patience: int | None = None
    batch: int | None = None
    seed: int = 0
    split_seed: int = 0
    precision: Literal["float32", "mixed"] = "float32"
    val_fraction: float = 0.2
    strict: bool = False

    def __post_init__(self) -> None:
        for key in ("data", "name", "weights", "backbone"):
            if "\0" in (getattr(self, key) or ""):
                raise UsageError(f"--{key} can't have a NUL character", remedy="leave it out")
        for key, (low, high) in _LIMITS.items():
            value = getattr(self, key)
            if value is not None and not low <= value <= high:
                raise UsageError(f"--{key.replace('_', '-')} must be {low:g} to {high:g}, got {value:g}")
        if self.strides is not None and self.strides not in _LEVELS:
            remedy = "choose from 4, 8, 16 and 32, ascending, without gaps; 8,16,32 serve most"
            raise UsageError(f"no detector has --strides {','.join(map(str, self.strides))}", remedy=remedy)

    def refuse(self, names: frozenset[str], why: str) -> None:
        """Passes where none of some options was given.

        Args:
            names: of options that mean nothing here.
            why: they mean nothing.

        Raises:
            UsageError: one was given; it names them.
        """
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        given = [f"--{name.replace('_', '-')}" for name in sorted(names) if getattr(self, name) != defaults[name]]
        if given:
            raise UsageError(f"{why}, which has no {', '.join(given)}", where=self.data, remedy="leave it out")

    def to_toml(self) -> str:
        """Returns the options as TOML; those at None are left out.

        A path that isn't UTF-8 can't stand in TOML: it becomes a `file:` URI.
        """
        rows = dataclasses.asdict(self)
        rows |= {key: _path_text(rows[key]) for key in ("data", "weights")}
        return schema.to_toml(rows)

    @classmethod
    def collect(
        cls, data: str | None, name: str | None, given: Mapping[str, object], config: Path | None
    ) -> TrainOptions:
        """Puts options together: those given, over those of `config`, over the defaults.

        Args:
            data: the photos' folder; by default config's, else `data`.
            name: of the model; by default config's, else the folder's name.
            given: further options by name.
            config: a `train.toml`.

        Raises:
            UsageError: an option or the config isn't valid.
        """
        base = dataclasses.asdict(cls.load(config)) if config else {}
        folder = data or str(base.get("data") or "data")
        called = name or str(base.get("name") or "") or derived_name(Path(folder).resolve().name)
        return cls(**{**base, **given, "data": folder, "name": called})

    @classmethod
    def load(cls, path: Path) -> TrainOptions:
        """Reads a `train.toml`.

        In one of an earlier edgetl, which has no `split_seed`, `seed` is also that of the split.

        Raises:
            UsageError: the file isn't there or isn't valid.
        """
        try:
            rows = schema.parse_toml(read_regular(path, schema.MOST_TOML_BYTES))
            options = schema.parse(cls, {"split_seed": rows.get("seed", 0), **rows})
            return dataclasses.replace(options, data=_path(options.data), weights=_path(options.weights))
        except FileNotFoundError as error:
            raise UsageError("there is no such file", where=str(path), remedy="give a train.toml") from error
        except OSError as error:
            what = f"the training's options can't be read: {error.strerror}"
            raise UsageError(what, where=str(path), remedy="give a train.toml") from error
        except schema.SchemaError as error:
            raise UsageError(f"not a train.toml: {error}", where=str(path), remedy="correct it") from error


_URI = "file://"


def _path_text(path: str) -> str:
    """Returns a path as text that can be encoded; see `_path`."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return _URI + quote_from_bytes(os.fsencode(Path(path).absolute()))
    return path


def _path(text: str) -> str:
    return os.fsdecode(unquote_to_bytes(text.removeprefix(_URI))) if text.startswith(f"{_URI}/") else text
