"""What a training is of one kind or the other: of a classifier or of a detector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol, cast

from edgetl.card import Backbone, DatasetInfo, InputSpec, ModelCard
from edgetl.host.dataset.boxes import is_boxed
from edgetl.host.networks.untyped import Network
from edgetl.host.train.checkpoint import Checkpoint, Row
from edgetl.host.train.options import TrainOptions

TaskName = Literal["classification", "detection"]

TASKS: dict[TaskName, str] = {
    "classification": "edgetl.host.train.classifier.task",
    "detection": "edgetl.host.train.detector.task",
}
"""The module of each task; it holds a class `Training`."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training came to.

    Attributes:
        model: as it is stored: in float32, without augmentation.
        card: of the model.
        told: its figures, for people.
        write_report: writes the report of these epochs to a path.
        advice: sentences on how sure the figures are and on what would improve the model, see `advice.advise`.
    """

    model: Network
    card: ModelCard
    told: str
    write_report: Callable[[Path, list[Row]], None]
    advice: tuple[str, ...] = ()


class Training(Protocol):
    """A training whose data set is loaded.

    Attributes:
        options: resolved.
        data: of the data set, for the card.
        warnings: of the data set's check.
        unreadable: files that don't open, and why.
    """

    options: TrainOptions
    data: DatasetInfo
    warnings: list[str]
    unreadable: list[str]

    def describe(self) -> str:
        """Says for people what is about to be trained on what."""

    def run(self, backbone: Network, about: Backbone, checkpoint: Checkpoint) -> Trained:
        """Trains.

        Args:
            backbone: a `keras.Model` with the weights to begin from.
            about: it, for the card.
            checkpoint: to go on from, or to fill.
        """


class Task(Protocol):
    """A module of `TASKS`."""

    SIZE: int
    """Input height and width, px, where nothing says another."""
    RESIZE: Literal["stretch", "letterbox"]
    """Where the options don't say."""

    def load(self, options: TrainOptions, spec: InputSpec) -> Training:
        """Loads the data set and settles what the options leave open.

        Args:
            options: size and resize are settled.
            spec: of the model's input.

        Raises:
            DatasetError: it can't be trained on.
            UsageError: an option is none of this task.
            EdgetlError: weights can't be downloaded.
        """


def task_name(data: Path) -> TaskName:
    """Says what a data set is for: its files tell."""
    return "detection" if is_boxed(data) else "classification"


def open_task(name: TaskName) -> Task:
    """Returns a task's module."""
    return cast("Task", import_module(TASKS[name]))
