"""Trains for a share of the epochs, to compare ways to begin before one of them gets the whole training."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from edgetl.card import ModelCard
from edgetl.host.train.checkpoint import Checkpoint
from edgetl.host.train.job import fit
from edgetl.host.train.options import TaskName, TrainOptions
from edgetl.host.train.resolve import check_options, resolve_input
from edgetl.host.train.task import detect_task, open_task
from edgetl.host.train.weights.source import open_source


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of a short training.

    Attributes:
        card: the card of the model, which isn't stored.
        epochs: the number of epochs of the backbone's stage.
    """

    card: ModelCard
    epochs: int


_SHARES: dict[TaskName, tuple[float, int]] = {"classification": (1 / 6, 3), "detection": (1 / 3, 12)}
"""The share of the epochs that a trial takes, and the smallest number of epochs, by task. A detector finds nearly
nothing in its first hundreds of steps, so its trial is longer."""


def run_trial(options: TrainOptions, folder: Path) -> Trial:
    """Trains a model for a share of its epochs, with a schedule of this length, and measures it.

    Args:
        options: the options of the whole training.
        folder: a folder for the checkpoint.

    Raises:
        DatasetError: the photos can't be trained on.
        ModelError: the weights can't be used.
        UsageError: an option isn't valid.
    """
    source = open_source(options.weights)
    check_options(options, source)
    task = detect_task(Path(options.data))
    training = open_task(task).load(options, source, resolve_input(options, source, task))
    whole, (share, least) = training.options.epochs, _SHARES[task]
    epochs = min(whole, max(least, math.ceil(share * whole)))
    stated = replace(options, epochs=epochs, patience=0)
    training = open_task(task).load(stated, source, resolve_input(options, source, task))
    return Trial(fit(training, Checkpoint(folder)).card, epochs)
