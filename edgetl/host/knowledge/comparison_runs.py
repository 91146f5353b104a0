"""Trains the runs of a comparison in memory, by the code of `edgetl train`; nothing of them gets into the store."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgetl.card import InputSpec
from edgetl.files import friendly_os_errors, temporary_folder
from edgetl.host.evaluate.map_interval import map_draws
from edgetl.host.evaluate.predict_boxes import measure
from edgetl.host.knowledge.comparison_estimates import accuracy_draws
from edgetl.host.knowledge.comparison_file import DRAWS, Run
from edgetl.host.knowledge.comparison_levels import subset
from edgetl.host.knowledge.comparison_plan import LEARNING_COST, PlannedRun, Schedule, Way
from edgetl.host.networks.stored import predict
from edgetl.host.train.checkpoint import Checkpoint
from edgetl.host.train.classifier.task import ClassifierTraining
from edgetl.host.train.detector.task import DetectorTraining
from edgetl.host.train.options import TaskName, TrainOptions
from edgetl.host.train.resolve import (
    check_options,
    classifier_epochs,
    detector_epochs,
    detector_steps,
    resolve_classifier,
    resolve_detector,
)
from edgetl.host.train.weights.initial_backbone import build_backbone
from edgetl.host.train.weights.source import open_source
from edgetl.vision.arrays import ClassIds, Doubles, Integers

if TYPE_CHECKING:
    from edgetl.host.train.task import AnyTraining

_FROZEN = 100_000
"""No backbone has more layers than this: freezing so many freezes all of them."""
_TIMED_PHOTOS = 32
"""The speed is measured on batches of this many photos."""
_TIMED_SECONDS = 1.0
"""The speed is measured for this long, s."""
_DIGITS = 5
"""Figures are stored with this many digits, which is finer than one photo of 50,000."""


@dataclass(frozen=True, slots=True)
class Base:
    """What the runs of a comparison begin from.

    Attributes:
        options: the options as the user stated them.
        training: the default's training on all photos, which has the data set and the resolved options.
        place: the folder of the comparison.
    """

    options: TrainOptions
    training: AnyTraining
    place: Path

    @property
    def classes(self) -> ClassIds:
        """The class of each training photo, (N,) int64; of a photo with boxes the rarest class, -1 without boxes."""
        return self.training.dataset.train.classes

    @property
    def spec(self) -> InputSpec:
        """The input of the models."""
        return self.training.spec

    @property
    def task(self) -> TaskName:
        """The task."""
        return "classification" if isinstance(self.training, ClassifierTraining) else "detection"

    def schedule(self, photos: int) -> Schedule:
        """Returns the length of the training that `edgetl train` makes by default.

        Args:
            photos: the number of training photos.
        """
        if isinstance(self.training, ClassifierTraining):
            return Schedule(classifier_epochs(photos), photos)
        batch = self.training.options.batch
        return Schedule(detector_epochs(photos, batch), detector_steps(photos, batch) * batch)

    def start_of(self, way: Way) -> TrainOptions:
        """Returns the options of a way of training.

        Args:
            way: the way.
        """
        backbone, alpha = way.network or (self.training.options.backbone, self.training.options.alpha)
        size = self.spec.height
        return replace(self.options, weights=way.weights, backbone=backbone, alpha=alpha, size=size, patience=0)

    def options_of(self, planned: PlannedRun) -> TrainOptions:
        """Returns the options of a run, except its seed.

        Args:
            planned: the run.
        """
        options = replace(self.start_of(planned.way), epochs=planned.epochs)
        if not planned.way.head_only:
            return options
        return replace(options, epochs=0) if self.task == "classification" else replace(options, freeze=_FROZEN)


def make_run(base: Base, planned: PlannedRun) -> Run:
    """Trains and measures one run.

    Args:
        base: what the runs begin from.
        planned: the run to make.

    Raises:
        EdgetlError: the weights can't be read or don't fit the network, or the disk is full.
    """
    import keras

    began, processor = time.monotonic(), time.process_time()
    options = replace(base.options_of(planned), seed=planned.seed)
    positions = subset(base.classes, planned.level, planned.seed)
    keras.utils.set_random_seed(options.seed)
    with friendly_os_errors(base.place), temporary_folder(base.place / "run") as work:
        if isinstance(base.training, ClassifierTraining):
            figure, draws = _run_classifier(base.training, options, positions, Checkpoint(work))
        else:
            figure, draws = _run_detector(base.training, options, positions, Checkpoint(work))
    keras.utils.clear_session()
    gc.collect()
    return Run(
        way=planned.way.name,
        photos=len(positions),
        seed=planned.seed,
        epochs=options.epochs or 0,
        full_epochs=planned.full.epochs,
        figure=round(figure, _DIGITS),
        draws=tuple(np.where(np.isnan(draws), figure, draws).round(_DIGITS).tolist()),
        seconds=round(time.monotonic() - began, 2),
        processor=round(time.process_time() - processor, 2),
    )


def _run_classifier(
    base: ClassifierTraining, options: TrainOptions, positions: Integers, checkpoint: Checkpoint
) -> tuple[float, Doubles]:
    """Returns the top-1, 0..1, and the top-1 on each draw of the validation photos, (DRAWS,) float64."""
    data, source = replace(base.dataset, train=base.dataset.train.subset(positions)), open_source(options.weights)
    resolved = resolve_classifier(options, source, base.spec, np.bincount(data.train.classes).tolist())
    backbone, about = build_backbone(resolved, source)
    training = ClassifierTraining(resolved, source, base.spec, data)
    model, _ = training.learn(backbone, about, checkpoint, only_last=True)
    right = predict(model, data.val).argmax(axis=1) == data.val.classes
    return float(right.mean()), accuracy_draws(right)


def _run_detector(
    base: DetectorTraining, options: TrainOptions, positions: Integers, checkpoint: Checkpoint
) -> tuple[float, Doubles]:
    """Returns the mAP50, 0..1, and the mAP50 on each draw of the validation photos, (DRAWS,) float64."""
    data, source = replace(base.dataset, train=base.dataset.train.subset(positions)), open_source(options.weights)
    resolved = resolve_detector(options, source, base.spec, len(data.train))
    backbone, about = build_backbone(resolved, source)
    training = DetectorTraining(resolved, source, base.spec, data)
    model, card = training.learn(backbone, about, checkpoint, only_last=True)
    evaluation = measure(model, data.val, card)
    return evaluation.map50, np.resize(map_draws(evaluation)[:, 1], DRAWS)


def require_fitting(base: Base, way: Way) -> None:
    """Passes if the weights of a way fit its network, so that a comparison doesn't fail after minutes.

    Args:
        base: what the runs begin from.
        way: the way of training.

    Raises:
        EdgetlError: the weights can't be read or don't fit the network.
        UsageError: the backbone or its width is unknown.
    """
    options = base.start_of(way)
    source = open_source(options.weights)
    check_options(options, source)
    if isinstance(base.training, ClassifierTraining):
        build_backbone(resolve_classifier(options, source, base.spec, [1]), source)
    else:
        build_backbone(resolve_detector(options, source, base.spec, 1), source)


def learning_speed(base: Base) -> float:
    """Returns the photos that this machine learns from in a second, estimated from the speed of prediction.

    Args:
        base: what the runs begin from.
    """
    backbone, _ = build_backbone(base.training.options, base.training.source)
    batch = np.zeros((_TIMED_PHOTOS, base.spec.height, base.spec.width, 3), np.float32)
    backbone.predict_on_batch(batch)  # the first call compiles
    began, batches, seconds = time.monotonic(), 0, 0.0
    while seconds < _TIMED_SECONDS:
        backbone.predict_on_batch(batch)
        batches, seconds = batches + 1, time.monotonic() - began
    return round(_TIMED_PHOTOS * batches / seconds / LEARNING_COST, 1)
