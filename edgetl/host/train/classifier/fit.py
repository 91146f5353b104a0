"""Trains a classifier in two stages: the head alone on features that are computed once, then the backbone with it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from edgetl.host.console import track
from edgetl.host.dataset.load import Dataset, Photos
from edgetl.host.networks.stored import predict
from edgetl.host.networks.untyped import Predictor
from edgetl.host.train.checkpoint import Checkpoint
from edgetl.host.train.classifier.class_weights import class_weights
from edgetl.host.train.classifier.network import Classifier
from edgetl.host.train.classifier.review import PhotoFeatures
from edgetl.host.train.resolve import ClassifierOptions
from edgetl.host.train.schedule import freeze, layer_factors
from edgetl.host.train.stage import Judgement, Stage
from edgetl.vision.arrays import ClassIds, Floats, Scores

_HEAD_SALT, _FINETUNE_SALT = 4, 8
"""The numbers that make the orders of the samples differ between the stages; other values change every training."""
_MOST_FEATURES = 128
"""A step of the head stage takes at most this many features, so that an epoch has enough steps to learn from."""


class Batches:
    """The shuffled batches of one epoch; the same seed and epoch give the same order.

    Args:
        read: returns the inputs at some positions, (B, ...), pixels or features.
        targets: (N, classes) float32, one-hot.
        weights: (N,) float32, the weight of each sample.
        batch: the samples of a step; a last, smaller batch is left out unless it is the only one.
        order: (N,) int64, the positions of the samples in the order of the epoch.
    """

    def __init__(
        self,
        read: Callable[[NDArray[np.int64]], NDArray[np.generic]],
        targets: Scores,
        weights: Floats,
        batch: int,
        order: NDArray[np.int64],
    ) -> None:
        self.read, self.targets, self.weights = read, targets, weights
        self.batch, self.order = min(batch, len(order)), order

    def __len__(self) -> int:
        return len(self.order) // self.batch

    def __getitem__(self, index: int) -> tuple[NDArray[np.generic], Scores, Floats]:
        rows = self.order[index * self.batch : (index + 1) * self.batch]
        return self.read(rows), self.targets[rows], self.weights[rows]


def compute_features(model: Predictor, photos: Photos, batch: int, *, mirrored: bool = False) -> Floats:
    """Runs photos through a network once, without augmentation.

    Args:
        model: maps (B, H, W, 3) uint8 RGB pixels to (B, C) features.
        photos: the N photos.
        batch: the number of photos that the network takes at a time.
        mirrored: whether each photo is flipped left to right.

    Returns:
        The features, (N, C) float32.
    """
    starts = range(0, len(photos), batch)
    rows = []
    for start in track(starts, "Computing features", len(starts)):
        pixels = photos.batch(slice(start, start + batch))
        rows.append(model.predict_on_batch(pixels[:, :, ::-1] if mirrored else pixels))
    return np.concatenate(rows).astype(np.float32)


def compute_all_features(parts: Classifier, data: Dataset, options: ClassifierOptions) -> PhotoFeatures:
    """Returns the features of all photos by the backbone as it is now."""
    train, val = (compute_features(parts.features, side, options.batch) for side in (data.train, data.val))
    return PhotoFeatures(train, val)


def train_head(
    parts: Classifier,
    data: Dataset,
    options: ClassifierOptions,
    checkpoint: Checkpoint,
    features: PhotoFeatures | None = None,
    *,
    only_last: bool = False,
) -> None:
    """Trains the head alone, on features that the backbone computes once.

    Args:
        parts: the classifier.
        data: the photos.
        options: the resolved options.
        checkpoint: the checkpoint, attached to the whole model.
        features: the features of the photos; None computes them here.
        only_last: whether only the last epoch is validated, so that the best one isn't chosen.
    """
    if checkpoint.finished("head") or not options.head_epochs:
        return
    known = features or compute_all_features(parts, data, options)
    x, val, classes = known.train, known.val, data.train.classes
    if options.flip and options.augment:
        x = np.concatenate([x, compute_features(parts.features, data.train, options.batch, mirrored=True)])
        classes = np.concatenate([classes, classes])
    batch = max(1, min(_MOST_FEATURES, len(x) // 8))
    stage = Stage(
        "head",
        parts.head,
        options,
        checkpoint,
        epochs=options.head_epochs,
        steps=len(x) // batch,
        brief=True,
        only_last=only_last,
    )
    _compile(stage, options.head_rate, {}, options.label_smoothing)
    samples = _Samples(lambda rows: x[rows], classes, batch, _HEAD_SALT)
    stage.run(_epochs(samples, data, options), lambda: _judge(parts.head.predict(val, 512, 0), data.val.classes))


def train_all(
    parts: Classifier, data: Dataset, options: ClassifierOptions, checkpoint: Checkpoint, *, only_last: bool = False
) -> None:
    """Trains the backbone with the head: warm-up, cosine decay, a learning rate for each layer, augmentation.

    Args:
        parts: the classifier.
        data: the photos.
        options: the resolved options.
        checkpoint: the checkpoint, attached to `parts.model`.
        only_last: whether only the last epoch is validated, and no checkpoint is written before the end.
    """
    if checkpoint.finished("finetune") or not options.epochs:
        return
    freeze(parts.backbone, options.freeze, options.batch_norm)
    factors = layer_factors(parts.backbone, options.layer_decay)
    batch = min(options.batch, len(data.train))
    stage = Stage(
        "finetune",
        parts.learner,
        options,
        checkpoint,
        epochs=options.epochs,
        steps=len(data.train) // batch,
        patience=options.patience,
        brief=only_last,
        only_last=only_last,
    )
    _compile(stage, options.rate, factors, options.label_smoothing)
    samples = _Samples(data.train.batch, data.train.classes, batch, _FINETUNE_SALT)
    stage.run(_epochs(samples, data, options), lambda: _judge(predict(parts.model, data.val), data.val.classes))


@dataclass(frozen=True, slots=True)
class _Samples:
    """The training samples of a stage.

    Attributes:
        read: returns the inputs at some positions, (B, ...), pixels or features.
        classes: (N,) int64, the class of each sample.
        batch: the samples of a step.
        salt: the number that makes this stage's order differ from that of another stage.
    """

    read: Callable[[NDArray[np.int64]], NDArray[np.generic]]
    classes: ClassIds
    batch: int
    salt: int


def _compile(stage: Stage, rate: float, factors: dict[str, float], label_smoothing: float) -> None:
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)
    stage.compile(loss, rate, factors, metrics=("accuracy",))


def _epochs(samples: _Samples, data: Dataset, options: ClassifierOptions) -> Callable[[int], Batches]:
    """Returns the function that makes the batches of an epoch, with each sample weighted by its class."""
    count = len(data.labels)
    targets = np.eye(count, dtype=np.float32)[samples.classes]
    per_class = class_weights(np.bincount(samples.classes, minlength=count).tolist())
    weights = np.asarray(per_class if options.class_weights else [1.0] * count, np.float32)[samples.classes]

    def batches(epoch: int) -> Batches:
        rng = np.random.default_rng((options.seed, epoch, samples.salt))
        return Batches(samples.read, targets, weights, samples.batch, rng.permutation(len(samples.classes)))

    return batches


def _judge(scores: Scores, truth: ClassIds) -> Judgement:
    """Judges an epoch by its accuracy; within the accuracy's error, the likelihood of the right classes decides.

    Args:
        scores: (N, classes) float32, the probabilities of the validation photos, 0..1.
        truth: (N,) int64, their right classes.
    """
    likelihoods = np.clip(scores[np.arange(len(truth)), truth], 1e-7, 1)
    loss = round(float(-np.log(likelihoods).mean()), 5)
    accuracy = round(float((scores.argmax(axis=1) == truth).mean()), 5)
    error = math.sqrt(accuracy * (1 - accuracy) / len(truth))
    return Judgement((accuracy, -loss), {"val_loss": loss, "val_accuracy": accuracy}, error)
