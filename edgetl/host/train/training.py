"""The course of a training, which classifiers and detectors share: train, convert to float32, measure, describe."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgetl.card import Backbone, ClassifierDecoding, DatasetInfo, DetectorDecoding, InputSpec, ModelCard
from edgetl.host.dataset.boxes.load import BoxedDataset
from edgetl.host.dataset.load import Dataset
from edgetl.host.networks.untyped import Network
from edgetl.host.report.training_run import Ending, TrainingRun
from edgetl.host.train.checkpoint import Checkpoint, Row
from edgetl.host.train.options import TaskName
from edgetl.host.train.resolve import ClassifierOptions, DetectorOptions, ResolvedOptions
from edgetl.host.train.weights.source import WeightsSource

OptionsT = TypeVar("OptionsT", ClassifierOptions, DetectorOptions)
DatasetT = TypeVar("DatasetT", Dataset, BoxedDataset)


@dataclass(frozen=True, slots=True)
class Trained:
    """The result of a training.

    Attributes:
        model: the network as it is stored: in float32, without augmentation.
        card: the model's card.
        summary: the validation figures in one line.
        write_report: writes the report to a path, given the history.
        advice: sentences on how sure the figures are and on what would improve the model, see `advice.advise`.
    """

    model: Network
    card: ModelCard
    summary: str
    write_report: Callable[[Path, list[Row]], None]
    advice: tuple[str, ...] = ()


class Training(ABC, Generic[OptionsT, DatasetT]):
    """A training whose data set is loaded and whose options are resolved.

    Args:
        options: the resolved options.
        source: the source of the initial weights.
        spec: the model's input.
        dataset: the photos, split into those to train on and those to validate with.
    """

    options: OptionsT
    dataset: DatasetT

    def __init__(self, options: OptionsT, source: WeightsSource, spec: InputSpec, dataset: DatasetT) -> None:
        self.options = options
        self.source = source
        self.spec = spec
        self.dataset = dataset

    @property
    def data(self) -> DatasetInfo:
        """The card's entry for the data set."""
        return self.dataset.info

    @property
    def warnings(self) -> list[str]:
        """The warnings of the data set's check."""
        return self.dataset.report.warnings

    @property
    def unreadable(self) -> list[str]:
        """The files that can't be read, each with the reason."""
        return self.dataset.report.unreadable

    @abstractmethod
    def describe(self) -> str:
        """Returns a line for people: how many photos there are, and of how many classes."""

    def run(self, backbone: Network, about: Backbone, checkpoint: Checkpoint) -> Trained:
        """Trains the model, and measures it.

        Args:
            backbone: the `keras.Model` with its initial weights.
            about: the card's entry for the backbone.
            checkpoint: the checkpoint to continue from or to fill.
        """
        trained, card = self.learn(backbone, about, checkpoint)
        return self._measure(in_float32(trained, self.options, self._assemble), card, checkpoint)

    def learn(
        self, backbone: Network, about: Backbone, checkpoint: Checkpoint, *, only_last: bool = False
    ) -> tuple[Network, ModelCard]:
        """Trains the model, without a measurement of the result.

        Args:
            backbone: the `keras.Model` with its initial weights.
            about: the card's entry for the backbone.
            checkpoint: the checkpoint to continue from or to fill.
            only_last: whether only the last epoch of each stage is validated, and no checkpoint is written before it.

        Returns:
            The trained model, and its card without figures.
        """
        card = self._card(about)
        return self._train(backbone, card, checkpoint, only_last=only_last), card

    @abstractmethod
    def _card(self, about: Backbone) -> ModelCard:
        """Returns the model's card without its figures."""

    def _card_of(self, task: TaskName, decoding: ClassifierDecoding | DetectorDecoding, about: Backbone) -> ModelCard:
        options, dataset = self.options, self.dataset
        return ModelCard(options.name, task, dataset.labels, self.spec, decoding, about, dataset.info)

    @abstractmethod
    def _assemble(self, backbone: Network) -> Network:
        """Returns the model on a backbone, with random weights in its head."""

    @abstractmethod
    def _train(self, backbone: Network, card: ModelCard, checkpoint: Checkpoint, *, only_last: bool) -> Network:
        """Trains the backbone with its head; returns the trained model."""

    @abstractmethod
    def _data_summary(self) -> dict[str, object]:
        """Returns the report's section on the data set, by title."""

    def _training_run(self, card: ModelCard, rows: list[Row], ending: Ending) -> TrainingRun:
        """Returns what the reports of both tasks show of the training.

        Args:
            card: the card of the trained model.
            rows: the history.
            ending: the stored epoch and the advice.
        """
        return TrainingRun(card, rows, self.dataset.val.paths, self._data_summary(), asdict(self.options), ending)

    @abstractmethod
    def _measure(self, model: Network, card: ModelCard, checkpoint: Checkpoint) -> Trained:
        """Measures the model on the validation photos."""


def in_float32(trained: Network, options: ResolvedOptions, assemble: Callable[[Network], Network]) -> Network:
    """Returns a copy of a trained model as it is stored: in float32, without an optimizer.

    Args:
        trained: the model in the precision that it was trained in.
        options: the resolved options of the training.
        assemble: puts the head on a backbone.
    """
    import keras

    from edgetl.host.train.weights import backbones

    keras.config.set_dtype_policy("float32")
    plain = assemble(backbones.build(options.backbone, options.alpha, options.size, options.size))
    plain.set_weights(trained.get_weights())
    return plain


def sample(count: int, most: int) -> NDArray[np.int64]:
    """Returns the positions of some of the training photos, in ascending order and always the same ones.

    Args:
        count: the number of training photos.
        most: the largest number of positions.

    Returns:
        The positions, (min(count, most),) int64.
    """
    return np.sort(np.random.default_rng(0).permutation(count)[:most])


def count_by_label(labels: Sequence[str], ids: NDArray[np.int64]) -> dict[str, int]:
    """Returns how often each class occurs.

    Args:
        labels: the C class names.
        ids: (N,) int64 positions in `labels`, 0..C-1.
    """
    return dict(zip(labels, np.bincount(ids, minlength=len(labels)).tolist(), strict=True))
