"""Finds out whether a data set trains a classifier or a detector, and opens the module that does so."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

from edgetl.card import InputSpec
from edgetl.host.dataset.boxes.read import is_boxed
from edgetl.host.train.options import TaskName, TrainOptions
from edgetl.host.train.weights.source import WeightsSource

if TYPE_CHECKING:
    from edgetl.host.train.classifier.task import ClassifierTraining
    from edgetl.host.train.detector.task import DetectorTraining

    AnyTraining: TypeAlias = ClassifierTraining | DetectorTraining

TASKS: dict[TaskName, str] = {
    "classification": "edgetl.host.train.classifier.task",
    "detection": "edgetl.host.train.detector.task",
}
"""The module of each task, which has the function that `Task` describes."""


class Task(Protocol):
    """A module of `TASKS`."""

    def load(self, options: TrainOptions, source: WeightsSource, spec: InputSpec) -> AnyTraining:
        """Loads the data set, and resolves the options.

        Args:
            options: the options as the user stated them.
            source: the weights' source; `auto` is replaced once the data set is known to be usable.
            spec: the model's input.

        Raises:
            DatasetError: the data set can't be trained on.
            UsageError: an option belongs to the other task.
            EdgetlError: weights can't be downloaded.
        """


def detect_task(data: Path) -> TaskName:
    """Returns the task of a data set, which is detected from its files."""
    return "detection" if is_boxed(data) else "classification"


def open_task(name: TaskName) -> Task:
    """Returns a task's module."""
    return cast("Task", import_module(TASKS[name]))
