"""The two stages of a training: the head on features computed once, then the backbone with it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edgetl.host.dataset.check import class_weights
from edgetl.host.dataset.load import Dataset, Photos
from edgetl.host.progress import bar, console, track
from edgetl.host.stored import predict
from edgetl.host.train.checkpoint import Checkpoint
from edgetl.host.train.classifier import Classifier
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.schedule import freeze, layer_factors, optimizer
from edgetl.host.untyped import Network

Scores = NDArray[np.float32]


class Batches(keras.utils.PyDataset):
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
        super().__init__(workers=1)
        self.read, self.targets, self.weights = read, targets, weights
        self.batch, self.order = min(batch, len(order)), order

    def __len__(self) -> int:
        return len(self.order) // self.batch

    def __getitem__(self, index: int) -> tuple[NDArray[Any], Scores, Scores]:
        rows = self.order[index * self.batch : (index + 1) * self.batch]
        return self.read(rows), self.targets[rows], self.weights[rows]


class _Bar(keras.callbacks.Callback):
    """Shows each step of an epoch on a progress bar."""

    def __init__(self, advance: Callable[[str], None]) -> None:
        super().__init__()
        self._advance = advance

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        values = logs or {}
        self._advance(f"loss {values.get('loss', 0):.3f}  accuracy {values.get('accuracy', 0):.3f}")


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
    x = compute_features(parts.features, data.train, options.batch)
    classes = data.train.classes
    if options.flip and options.augment:
        x = np.concatenate([x, compute_features(parts.features, data.train, options.batch, mirrored=True)])
        classes = np.concatenate([classes, classes])
    val = compute_features(parts.features, data.val, options.batch)
    batch = max(1, min(128, len(x) // 8))
    stage = _Stage("head", parts.head, options, checkpoint, data, options.head_epochs)
    stage.run(lambda rows: x[rows], classes, lambda: parts.head.predict(val, 512, 0), batch, options.head_rate, {})


def train_all(parts: Classifier, data: Dataset, options: TrainOptions, checkpoint: Checkpoint) -> None:
    """Trains the backbone with the head: warm-up, cosine decay, layer-wise rates, augmentation."""
    if checkpoint.finished("finetune") or not options.epochs:
        return
    freeze(parts.backbone, options.freeze, options.batch_norm or "frozen")
    factors = layer_factors(parts.backbone, options.layer_decay or 1.0)
    stage = _Stage("finetune", parts.learner, options, checkpoint, data, options.epochs)

    stage.run(
        data.train.batch,
        data.train.classes,
        lambda: predict(parts.model, data.val),
        options.batch,
        options.rate or 5e-4,
        factors,
    )


class _Stage:
    """A stage's epochs: learn, average, validate, keep the best, write the checkpoint."""

    def __init__(
        self,
        name: str,
        model: Network,
        options: TrainOptions,
        checkpoint: Checkpoint,
        data: Dataset,
        epochs: int,
    ) -> None:
        self.name, self.model, self.options, self.checkpoint = name, model, options, checkpoint
        self.data, self.epochs = data, epochs

    def run(
        self,
        read: Callable[[NDArray[np.int64]], NDArray[Any]],
        classes: NDArray[np.int64],
        predict: Callable[[], Scores],
        batch: int,
        rate: float,
        factors: dict[str, float],
    ) -> None:
        """Trains until the last epoch, or until patience ends."""
        count = len(self.data.labels)
        targets = np.eye(count, dtype=np.float32)[classes]
        per_class = class_weights(np.bincount(classes, minlength=count).tolist())
        weights = np.asarray(per_class if self.options.class_weights else [1.0] * count, np.float32)[classes]
        steps = max(1, len(classes) // min(batch, len(classes)))
        self._compile(rate, steps * self.epochs, factors, steps)
        state = self.checkpoint.begin(self.name, self.model)
        with bar() as progress:
            task = progress.add_task(self.name, total=steps * self.epochs, completed=state.epoch * steps, note="")
            show = _Bar(lambda note: progress.update(task, advance=1, note=note))
            while state.epoch < self.epochs and not self._out_of_patience(state.epoch, state.best_epoch):
                started = time.monotonic()
                rng = np.random.default_rng((self.options.seed, state.epoch, len(self.name)))
                order = rng.permutation(len(classes))
                batches = Batches(read, targets, weights, batch, order)
                # Keras would shuffle the batches again, by a state that a resumed training doesn't have.
                logs = self.model.fit(batches, verbose=0, shuffle=False, callbacks=[show]).history
                # With averaging on, `fit` ends by putting the averages into the model: they are what is judged and
                # kept, and where the next epoch goes on from.
                row = self._row(state.epoch + 1, logs, predict(), started)
                self.checkpoint.record(row, self.model)
                if self.name != "head":  # a stage of seconds is not worth a file an epoch
                    self.checkpoint.save(self.model)
                self._tell(row)
        self.checkpoint.end(self.name, self.model)

    def _compile(self, rate: float, steps: int, factors: dict[str, float], epoch_steps: int) -> None:
        made = optimizer(self.options, rate, steps, factors)
        if self.options.ema:
            made.use_ema = True
            # An average over at most an epoch or two: a short training must not drag its first steps along.
            made.ema_momentum = min(self.options.ema, 1 - 1 / max(2, epoch_steps))
            made.ema_overwrite_frequency = None
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=self.options.label_smoothing)
        self.model.compile(made, loss, metrics=["accuracy"], jit_compile="auto" if _compiles() else False)

    def _out_of_patience(self, epoch: int, best_epoch: int) -> bool:
        patience = self.options.patience if self.name == "finetune" else 0  # the head's epochs take no time
        return bool(patience) and epoch - best_epoch >= (patience or 0)

    def _row(self, epoch: int, logs: dict[str, list[float]], scores: Scores, started: float) -> dict[str, float | str]:
        truth = self.data.val.classes
        likely = np.clip(scores[np.arange(len(truth)), truth], 1e-7, 1)
        return {
            "stage": self.name,
            "epoch": epoch,
            "loss": round(logs["loss"][-1], 5),
            "accuracy": round(logs["accuracy"][-1], 5),
            "val_loss": round(float(-np.log(likely).mean()), 5),
            "val_accuracy": round(float((scores.argmax(axis=1) == truth).mean()), 5),
            "learning_rate": float(f"{float(self.model.optimizer.learning_rate):.3g}"),
            "seconds": round(time.monotonic() - started, 2),
        }

    def _tell(self, row: dict[str, float | str]) -> None:
        every = max(1, math.ceil(self.epochs / 10)) if self.name == "head" else 1
        epoch = int(row["epoch"])
        if epoch % every == 0 or epoch == self.epochs:
            console.print(
                f"{self.name:>8} {epoch:>3}/{self.epochs}  loss {row['loss']:.3f}  accuracy {row['accuracy']:.3f}"
                f"  val loss {row['val_loss']:.3f}  val accuracy {row['val_accuracy']:.3f}  {row['seconds']:.1f} s"
            )


def _compiles() -> bool:
    """XLA pays on a GPU; TensorFlow's took twelve times as long for a step on a CPU, where JAX needs it."""
    return keras.config.backend() != "tensorflow" or bool(keras.distribution.list_devices("gpu"))
