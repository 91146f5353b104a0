"""One stage of a training: each epoch learns, averages, validates and writes the checkpoint."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from edgetl.host.console import Bar, console
from edgetl.host.networks.untyped import Network
from edgetl.host.train.best_epoch import NO_SCORE
from edgetl.host.train.checkpoint import Checkpoint, Row
from edgetl.host.train.resolve import ResolvedOptions
from edgetl.host.train.schedule import make_optimizer
from edgetl.text import about

Batch = tuple[NDArray[np.generic], ...]
"""The arrays of a step: the inputs, the targets and, if there are any, the weights of the samples."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The validation of an epoch.

    Attributes:
        score: the figures that choose the best epoch, higher is better; the first decides, the others break ties.
        figures: the figures of the history, by column.
        error: the standard error of the score's first figure; first figures that differ by no more count as equal.
    """

    score: tuple[float, ...]
    figures: Mapping[str, float]
    error: float = 0.0


class Batches(Protocol):
    """The batches of an epoch."""

    def __len__(self) -> int:
        """Returns the number of steps."""

    def __getitem__(self, index: int) -> Batch:
        """Returns the arrays of a step."""


class Stage:
    """The epochs of a stage.

    Args:
        name: the stage's name.
        model: the network that learns.
        options: the resolved options; those of the optimizer and `ema` are read.
        checkpoint: the checkpoint, attached to the whole model.
        epochs: the number of epochs, unless patience ends the stage earlier.
        steps: the number of steps of an epoch.
        patience: the number of epochs without a better score after which the stage ends; 0 never ends it.
        brief: whether the stage takes only seconds: it then writes no checkpoint and prints no line after each epoch.
        from_average: whether each epoch continues from the averaged weights, which preserves what was known before.
            Otherwise only the validated weights are averaged, which suits a head that begins with random weights.
        only_last: whether only the last epoch is validated, which leaves no choice of the best one but saves the time.
    """

    def __init__(
        self,
        name: str,
        model: Network,
        options: ResolvedOptions,
        checkpoint: Checkpoint,
        *,
        epochs: int,
        steps: int,
        patience: int = 0,
        brief: bool = False,
        from_average: bool = True,
        only_last: bool = False,
    ) -> None:
        self.name, self.model, self.options, self.checkpoint = name, model, options, checkpoint
        self.epochs, self.steps, self.patience, self.brief = epochs, steps, patience, brief
        self.from_average, self.only_last = from_average, only_last
        self._compiled, self._timed_from = 0, 0.0

    def compile(
        self,
        loss: keras.losses.Loss,
        rate: float,
        factors: Mapping[str, float],
        *,
        clip: float = 1.0,
        metrics: tuple[str, ...] = (),
    ) -> None:
        """Gives the model its loss and its optimizer.

        Args:
            loss: the loss of a batch.
            rate: the peak learning rate.
            factors: the factor of the learning rate by variable path; 1 for a variable that isn't in it.
            clip: the largest norm of all gradients together.
            metrics: the names of Keras metrics for the history.
        """
        optimizer = make_optimizer(self.options, rate, self.steps * self.epochs, factors, clip)
        if self.options.ema:
            optimizer.use_ema = True
            optimizer.ema_momentum = self.options.ema
            if self.from_average:  # an average over more than two epochs would discard what the last steps learn
                optimizer.ema_momentum = min(self.options.ema, 1 - 1 / max(2, self.steps))
            optimizer.ema_overwrite_frequency = None
        self.model.compile(optimizer, loss, metrics=list(metrics), jit_compile="auto" if _xla_pays() else False)

    def _estimate(self, done: int, seconds: float) -> None:
        """Prints how long the stage takes if it is long, estimated from its first steps.

        Args:
            done: the number of steps that were timed.
            seconds: the time that they took together, s.
        """
        whole = seconds / done * self.steps * self.epochs * _VALIDATION_FACTOR
        if whole > _LONG_SECONDS:
            console.print(f"{self.name}: {self.epochs} epochs of {self.steps} steps take at most {about(whole)}")

    def run(self, batches: Callable[[int], Batches], judge: Callable[[], Judgement]) -> None:
        """Trains until the last epoch, or until patience ends the stage.

        Args:
            batches: returns the batches of an epoch, which is counted from 0; the same epoch gives the same batches.
            judge: validates the model with its current weights.
        """
        state = self.checkpoint.begin(self.name, self.model)
        with Bar(self.name, self.steps * self.epochs, done=state.epoch * self.steps) as bar:
            if not self.brief:
                console.print(f"{self.name}: compiling the network before the first step, which can take a minute")
            while state.epoch < self.epochs and not self._out_of_patience(state.epoch, state.best_epoch):
                started = time.monotonic()
                logs = self._learn(batches(state.epoch), bar)
                skipped = self.only_last and state.epoch + 1 < self.epochs
                judgement = _NOT_VALIDATED if skipped else judge()
                row = self._row(state.epoch + 1, logs, judgement, started)
                self.checkpoint.record(row, judgement.score, self.model, judgement.error)
                if not self.from_average:
                    self._restore_unaveraged()
                if not self.brief:
                    self.checkpoint.save(self.model)
                self._print_epoch(row)
        self.checkpoint.end(self.name, self.model)

    def _learn(self, batches: Batches, bar: Bar) -> dict[str, float]:
        """Trains an epoch and returns the means of loss and metrics over its photos.

        With averaging, the model then has the averaged weights, which are validated and stored.
        Keras's own `fit` does the same, but spends seconds after every other epoch on closing its queues.
        """
        means: dict[str, float] = {}
        photos = 0
        if not self._compiled:
            bar.update(0, "compiling")
        for batch in _read_ahead(batches):
            photos += len(batch[0])
            share = len(batch[0]) / photos
            figures = self._step(batch)
            means = {name: (1 - share) * means.get(name, 0.0) + share * value for name, value in figures.items()}
            self._time_steps()
            bar.update(1, "  ".join(f"{_SHORT_NAMES.get(name, name)} {value:.3f}" for name, value in means.items()))
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        return means

    def _time_steps(self) -> None:
        """Counts the steps of this process, and times those after the first one, which compiles."""
        self._compiled += 1
        if self._compiled == 1:
            self._timed_from = time.monotonic()
        elif self._compiled == 1 + min(_TIMED_STEPS, self.steps) and not self.brief:
            self._estimate(self._compiled - 1, time.monotonic() - self._timed_from)

    def _step(self, batch: Batch) -> dict[str, float]:
        """Trains on one batch; returns its loss and metrics. Some versions of Keras would add them to earlier ones."""
        self.model.reset_metrics()
        return {name: float(value) for name, value in self.model.train_on_batch(*batch, return_dict=True).items()}

    def _restore_unaveraged(self) -> None:
        """Replaces the averaged weights in the model by the weights that the steps learned."""
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # mixed precision wraps it, to scale the loss
        for variable, learned in zip(self.model.trainable_variables, optimizer.unaveraged, strict=False):
            variable.assign(learned)

    def _out_of_patience(self, epoch: int, best_epoch: int) -> bool:
        return bool(self.patience) and epoch - best_epoch >= self.patience

    def _row(self, epoch: int, logs: dict[str, float], judgement: Judgement, started: float) -> Row:
        row: Row = {"stage": self.name, "epoch": epoch}
        row |= {name: round(value, 5) for name, value in logs.items()}
        row |= {name: round(value, 5) for name, value in judgement.figures.items()}
        row["learning_rate"] = float(f"{float(self.model.optimizer.learning_rate):.3g}")
        row["seconds"] = round(time.monotonic() - started, 2)
        return row

    def _print_epoch(self, row: Row) -> None:
        every = max(1, math.ceil(self.epochs / 10)) if self.brief else 1
        epoch = int(row["epoch"])
        if epoch % every and epoch != self.epochs:
            return
        names = {name: _SHORT_NAMES.get(name, name.replace("_", " ")) for name in row if name not in _NOT_FIGURES}
        figures = [f"{short} {row[name]:.3f}" for name, short in names.items()]
        console.print(f"{self.name:>8} {epoch:>3}/{self.epochs}  {'  '.join(figures)}  {row['seconds']:.1f} s")


_NOT_VALIDATED = Judgement(NO_SCORE, {})
"""The judgement of an epoch that is not validated; its weights are never taken for the best ones."""
_AHEAD = 2
"""This many batches are prepared ahead; one would leave the network waiting when a batch takes longer than a step."""
_SHORT_NAMES = {"accuracy": "acc", "val_accuracy": "val acc"}
"""Short names of columns, so that a line fits a terminal of 80 columns."""
_TIMED_STEPS = 10
"""The estimate is made from this many steps, which even out the time of a single one."""
_VALIDATION_FACTOR = 1.15
"""An epoch takes about this many times as long as its steps, because of the validation."""
_LONG_SECONDS = 60
"""The time of a stage is estimated if it takes longer than this, s."""
_NOT_FIGURES = ("stage", "epoch", "learning_rate", "seconds")
"""The columns of the history that an epoch's line doesn't repeat as figures."""


def _read_ahead(batches: Batches) -> Iterator[Batch]:
    """Yields the batches in order, while a thread prepares the next ones."""
    with ThreadPoolExecutor(1, "batches") as pool:
        coming = deque(pool.submit(batches.__getitem__, index) for index in range(min(_AHEAD, len(batches))))
        for index in range(_AHEAD, len(batches) + _AHEAD):
            batch = coming.popleft().result()
            if index < len(batches):
                coming.append(pool.submit(batches.__getitem__, index))
            yield batch


def _xla_pays() -> bool:
    """Returns whether XLA speeds training up; on a CPU, TensorFlow's takes twelve times as long for a step."""
    return keras.config.backend() != "tensorflow" or bool(keras.distribution.list_devices("gpu"))
