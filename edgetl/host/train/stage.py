"""A stage of a training: epochs that learn, average, are judged, and leave a checkpoint behind."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import keras

from edgetl.host.console import Bar, console
from edgetl.host.networks.untyped import Network
from edgetl.host.train.checkpoint import Checkpoint, Row
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.schedule import optimizer
from edgetl.text import about


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the validation photos say of an epoch.

    Attributes:
        score: more is better; what comes first decides, the rest breaks ties.
        figures: for the history, by column.
        error: the standard error of the score's first figure; figures that differ by no more are equal.
    """

    score: tuple[float, ...]
    figures: Mapping[str, float]
    error: float = 0.0


class Batches(Protocol):
    """The batches of an epoch."""

    def __len__(self) -> int:
        """Counts the steps."""

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Makes a step's inputs, targets and, where there are some, weights."""


class Stage:
    """A stage's epochs: learn, average, judge, keep the best, write the checkpoint.

    Args:
        name: of the stage.
        model: what learns.
        options: resolved; those of the optimizer and ema are read.
        checkpoint: attached to the whole model.
        epochs: at most.
        steps: an epoch.
        patience: end after so many epochs that are judged no better; 0 never does.
        brief: a stage of seconds: not worth a file an epoch, nor a line.
        from_average: each epoch goes on from the averaged weights, which holds on to what was known before; else only
            what is judged and kept is averaged, as a head that knows nothing yet would have it.
    """

    def __init__(
        self,
        name: str,
        model: Network,
        options: TrainOptions,
        checkpoint: Checkpoint,
        *,
        epochs: int,
        steps: int,
        patience: int = 0,
        brief: bool = False,
        from_average: bool = True,
    ) -> None:
        self.name, self.model, self.options, self.checkpoint = name, model, options, checkpoint
        self.epochs, self.steps, self.patience, self.brief = epochs, steps, patience, brief
        self.from_average = from_average
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
            loss: of a batch.
            rate: the peak.
            factors: of the rate, by variable path.
            clip: largest norm of all gradients together.
            metrics: Keras's names.
        """
        made = optimizer(self.options, rate, self.steps * self.epochs, factors, clip)
        if self.options.ema:
            made.use_ema = True
            made.ema_momentum = self.options.ema
            if self.from_average:  # over at most an epoch or two: what it forgets of the last steps is never learnt
                made.ema_momentum = min(self.options.ema, 1 - 1 / max(2, self.steps))
            made.ema_overwrite_frequency = None
        self.model.compile(made, loss, metrics=list(metrics), jit_compile="auto" if _compiles() else False)

    def _estimate(self, done: int, seconds: float) -> None:
        """Says how long the stage takes, if that is long, from its first steps.

        Args:
            done: the number of steps that were timed.
            seconds: how long they took.
        """
        whole = seconds / done * self.steps * self.epochs * _JUDGING
        if whole > _LONG_SECONDS:
            console.print(f"{self.name}: {self.epochs} epochs of {self.steps} steps take at most {about(whole)}")

    def run(self, batches: Callable[[int], Batches], judge: Callable[[], Judgement]) -> None:
        """Trains until the last epoch, or until patience ends.

        Args:
            batches: of an epoch, counted from 0; the same epoch gives the same ones.
            judge: the model as it is.
        """
        state = self.checkpoint.begin(self.name, self.model)
        with Bar(self.name, self.steps * self.epochs, done=state.epoch * self.steps) as bar:
            if not self.brief:
                console.print(f"{self.name}: compiling the network before the first step, which can take a minute")
            while state.epoch < self.epochs and not self._out_of_patience(state.epoch, state.best_epoch):
                started = time.monotonic()
                logs = self._learn(batches(state.epoch), bar)
                judgement = judge()
                row = self._row(state.epoch + 1, logs, judgement, started)
                self.checkpoint.record(row, judgement.score, self.model, judgement.error)
                if not self.from_average:
                    self._take_back()
                if not self.brief:
                    self.checkpoint.save(self.model)
                self._tell(row)
        self.checkpoint.end(self.name, self.model)

    def _learn(self, batches: Batches, bar: Bar) -> dict[str, float]:
        """An epoch, and where there is averaging the averages in the model: they are what is judged and kept.

        Keras's own `fit` does the same, and spends seconds after every other epoch on letting its queues go.
        """
        self.model.reset_metrics()
        logs: dict[str, float] = {}
        if not self._compiled:
            bar.update(0, "compiling")
        for batch in _ahead(batches):
            logs = self._step(batch)
            self._time_steps()
            bar.update(1, "  ".join(f"{_SHORT_NAMES.get(name, name)} {value:.3f}" for name, value in logs.items()))
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        return logs

    def _time_steps(self) -> None:
        """Counts the steps of this process; the first one compiles, so the time of the next ones is taken."""
        self._compiled += 1
        if self._compiled == 1:
            self._timed_from = time.monotonic()
        elif self._compiled == 1 + min(_TIMED_STEPS, self.steps) and not self.brief:
            self._estimate(self._compiled - 1, time.monotonic() - self._timed_from)

    def _step(self, batch: tuple[Any, ...]) -> dict[str, float]:
        """One batch; returns the epoch's means so far."""
        return {name: float(value) for name, value in self.model.train_on_batch(*batch, return_dict=True).items()}

    def _take_back(self) -> None:
        """Puts the weights as they were learnt back into the model, in place of their averages."""
        made = self.model.optimizer
        made = getattr(made, "inner_optimizer", made)  # mixed precision wraps it, to scale the loss
        for variable, raw in zip(self.model.trainable_variables, made.raw, strict=False):
            variable.assign(raw)

    def _out_of_patience(self, epoch: int, best_epoch: int) -> bool:
        return bool(self.patience) and epoch - best_epoch >= self.patience

    def _row(self, epoch: int, logs: dict[str, float], judgement: Judgement, started: float) -> Row:
        row: Row = {"stage": self.name, "epoch": epoch}
        row |= {name: round(value, 5) for name, value in logs.items()}
        row |= {name: round(value, 5) for name, value in judgement.figures.items()}
        row["learning_rate"] = float(f"{float(self.model.optimizer.learning_rate):.3g}")
        row["seconds"] = round(time.monotonic() - started, 2)
        return row

    def _tell(self, row: Row) -> None:
        every = max(1, math.ceil(self.epochs / 10)) if self.brief else 1
        epoch = int(row["epoch"])
        if epoch % every and epoch != self.epochs:
            return
        names = {name: _SHORT_NAMES.get(name, name.replace("_", " ")) for name in row if name not in _TOLD_APART}
        figures = [f"{short} {row[name]:.3f}" for name, short in names.items()]
        console.print(f"{self.name:>8} {epoch:>3}/{self.epochs}  {'  '.join(figures)}  {row['seconds']:.1f} s")


_AHEAD = 2
_SHORT_NAMES = {"accuracy": "acc", "val_accuracy": "val acc"}
"""What the columns are called in a line, so that it fits a terminal of 80 columns."""
_TIMED_STEPS = 10
"""So many steps are timed for the estimate."""
_JUDGING = 1.15
"""An epoch takes about so much longer than its steps, because the validation photos are looked at."""
_LONG_SECONDS = 60
"""An estimate is given of a stage that takes longer, s."""
_TOLD_APART = ("stage", "epoch", "learning_rate", "seconds")


def _ahead(batches: Batches) -> Iterator[tuple[Any, ...]]:
    """Yields the batches in turn; the next ones are made in a thread meanwhile."""
    with ThreadPoolExecutor(1, "batches") as pool:
        coming = deque(pool.submit(batches.__getitem__, index) for index in range(min(_AHEAD, len(batches))))
        for index in range(_AHEAD, len(batches) + _AHEAD):
            batch = coming.popleft().result()
            if index < len(batches):
                coming.append(pool.submit(batches.__getitem__, index))
            yield batch


def _compiles() -> bool:
    """XLA pays on a GPU; TensorFlow's took twelve times as long for a step on a CPU, where JAX needs it."""
    return keras.config.backend() != "tensorflow" or bool(keras.distribution.list_devices("gpu"))
