"""The two stages of a classifier's training: the head on features computed once, then the backbone with it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edgetl.host.console import track
from edgetl.host.dataset.check import class_weights
from edgetl.host.dataset.load import Dataset, Photos
from edgetl.host.networks.stored import predict
from edgetl.host.networks.untyped import Network
from edgetl.host.train.checkpoint import Checkpoint
from edgetl.host.train.classifier.network import Classifier
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.schedule import freeze, layer_factors
from edgetl.host.train.stage import Judgement, Stage

Scores = NDArray[np.float32]


class Batches:
    """One epoch's shuffled batches; the same seed and epoch give the same order.

    Args:
        read: positions to inputs.
        targets: (N, classes) float32.
        weights: (N,) float32.
        batch: rows a step; a last, smaller one is left out where there is a whole one.
        order: (N,) positions.
    """

    def __init__(
        self,
        read: Callable[[NDArray[np.int64]], NDArray[Any]],
        targets: Scores,
        weights: Scores,
        batch: int,
        order: NDArray[np.int64],
    ) -> None:
        self.read, self.targets, self.weights = read, targets, weights
        self.batch, self.order = min(batch, len(order)), order

    def __len__(self) -> int:
        return len(self.order) // self.batch

    def __getitem__(self, index: int) -> tuple[NDArray[Any], Scores, Scores]:
        rows = self.order[index * self.batch : (index + 1) * self.batch]
        return self.read(rows), self.targets[rows], self.weights[rows]


def compute_features(model: Network, photos: Photos, batch: int, *, mirrored: bool = False) -> Scores:
    """Runs photos through a network once, without augmentation.

    Args:
        model: (B, H, W, 3) uint8 to (B, C).
        photos: N photos.
        batch: photos at a time.
        mirrored: each photo flipped left to right.

    Returns:
        (N, C) float32.
    """
    starts = range(0, len(photos), batch)
    rows = []
    for start in track(starts, "Computing features", len(starts)):
        pixels = photos.batch(slice(start, start + batch))
        rows.append(model.predict_on_batch(pixels[:, :, ::-1] if mirrored else pixels))
    return np.concatenate(rows).astype(np.float32)


def train_head(parts: Classifier, data: Dataset, options: TrainOptions, checkpoint: Checkpoint) -> None:
    """Trains the head alone, on features that the backbone computes once."""
    if checkpoint.finished("head") or not options.head_epochs:
        return
    x = compute_features(parts.features, data.train, options.batch or 32)
    classes = data.train.classes
    if options.flip and options.augment:
        x = np.concatenate([x, compute_features(parts.features, data.train, options.batch or 32, mirrored=True)])
        classes = np.concatenate([classes, classes])
    val = compute_features(parts.features, data.val, options.batch or 32)
    batch = max(1, min(128, len(x) // 8))
    stage = Stage(
        "head", parts.head, options, checkpoint, epochs=options.head_epochs, steps=len(x) // batch, brief=True
    )
    _compile(stage, options.head_rate, {})
    shown = _Shown(lambda rows: x[rows], classes, batch, len("head"))
    stage.run(_epochs(shown, data, options), lambda: _judge(parts.head.predict(val, 512, 0), data.val.classes))


def train_all(parts: Classifier, data: Dataset, options: TrainOptions, checkpoint: Checkpoint) -> None:
    """Trains the backbone with the head: warm-up, cosine decay, layer-wise rates, augmentation."""
    if checkpoint.finished("finetune") or not options.epochs:
        return
    freeze(parts.backbone, options.freeze or 0, options.batch_norm or "frozen")
    factors = layer_factors(parts.backbone, options.layer_decay or 1.0)
    batch = min(options.batch or 32, len(data.train))
    patience = options.patience or 0
    stage = Stage(
        "finetune",
        parts.learner,
        options,
        checkpoint,
        epochs=options.epochs,
        steps=len(data.train) // batch,
        patience=patience,
    )
    _compile(stage, options.rate or 5e-4, factors)
    shown = _Shown(data.train.batch, data.train.classes, batch, len("finetune"))
    stage.run(_epochs(shown, data, options), lambda: _judge(predict(parts.model, data.val), data.val.classes))


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a stage looks at: how to read rows, their classes, how many a step; and what sets its order apart."""

    read: Callable[[NDArray[np.int64]], NDArray[Any]]
    classes: NDArray[np.int64]
    batch: int
    salt: int


def _compile(stage: Stage, rate: float, factors: dict[str, float]) -> None:
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=stage.options.label_smoothing)
    stage.compile(loss, rate, factors, metrics=("accuracy",))


def _epochs(shown: _Shown, data: Dataset, options: TrainOptions) -> Callable[[int], Batches]:
    """The batches of each epoch, weighed by class."""
    count = len(data.labels)
    targets = np.eye(count, dtype=np.float32)[shown.classes]
    per_class = class_weights(np.bincount(shown.classes, minlength=count).tolist())
    weights = np.asarray(per_class if options.class_weights else [1.0] * count, np.float32)[shown.classes]

    def batches(epoch: int) -> Batches:
        rng = np.random.default_rng((options.seed, epoch, shown.salt))
        return Batches(shown.read, targets, weights, shown.batch, rng.permutation(len(shown.classes)))

    return batches


def _judge(scores: Scores, truth: NDArray[np.int64]) -> Judgement:
    """Accuracy decides; if it differs by no more than its error, the likelihood of the right classes decides."""
    likely = np.clip(scores[np.arange(len(truth)), truth], 1e-7, 1)
    loss = round(float(-np.log(likely).mean()), 5)
    accuracy = round(float((scores.argmax(axis=1) == truth).mean()), 5)
    error = math.sqrt(accuracy * (1 - accuracy) / len(truth))
    return Judgement((accuracy, -loss), {"val_loss": loss, "val_accuracy": accuracy}, error)
