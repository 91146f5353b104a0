"""The training of a detector: from photos with boxes to a card with its mAP and its display thresholds."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from edgetl.card import Backbone, DetectorDecoding, InputSpec, ModelCard
from edgetl.errors import UsageError
from edgetl.host.dataset.boxes.load import BoxedDataset, load_boxed
from edgetl.host.evaluate.box_interval import map_interval
from edgetl.host.evaluate.box_metrics import DetectionEvaluation
from edgetl.host.evaluate.predict_boxes import measure
from edgetl.host.networks.backend import import_keras
from edgetl.host.networks.untyped import Network
from edgetl.host.report.classifier import Ending
from edgetl.host.report.detector import write_detection_report
from edgetl.host.train.advice import Facts, advise
from edgetl.host.train.checkpoint import Checkpoint, Row
from edgetl.host.train.options import CLASSIFIER_ONLY, TrainOptions
from edgetl.host.train.task import Trained
from edgetl.host.train.weights.choose import choose_weights, given, inherit, knows_little

SIZE = 320
RESIZE = "letterbox"

_TRAINING_PHOTOS = 100
"""On so many of the training photos the finished model is measured, to see whether it overfits."""

_STRIDES = (8, 16, 32)
_BATCH = 16
_STEPS = 760
"""That a detector needs, however few its photos: 40 find nothing yet, after 500 it finds nearly all it will."""


class Training:
    """See `edgetl.host.train.task.Training`.

    Args:
        options: resolved.
        spec: of the model's input.
        dataset: split.
    """

    def __init__(self, options: TrainOptions, spec: InputSpec, dataset: BoxedDataset) -> None:
        self.options, self.data = options, dataset.info
        self.warnings, self.unreadable = dataset.report.warnings, dataset.report.unreadable
        self._spec, self._dataset = spec, dataset

    def describe(self) -> str:
        """Says for people what is about to be trained on what."""
        data = self._dataset
        test = f", {len(data.test)} left aside to test with" if len(data.test) else ""
        boxes, classes = sum(map(len, data.train.boxes)), len(data.labels)
        return (
            f"{len(data.train)} photos with {boxes} boxes to train on, {len(data.val)} to validate{test}, "
            f"{classes} classes"
        )

    def run(self, backbone: Network, about: Backbone, checkpoint: Checkpoint) -> Trained:
        """Trains backbone and head together."""
        from edgetl.host.train.detector.fit import train_detector
        from edgetl.host.train.detector.network import assemble

        data, options = self._dataset, self.options
        parts = assemble(backbone, len(data.labels), options.strides or _STRIDES, options)
        card = ModelCard(
            name=options.name,
            task="detection",
            labels=data.labels,
            input=self._spec,
            decoding=DetectorDecoding(strides=options.strides or _STRIDES),
            backbone=about,
            dataset=data.info,
        )
        checkpoint.attach(parts.model)
        train_detector(parts, data, options, checkpoint, card)
        model = _plain(parts.model, options, len(data.labels))
        evaluation = measure(model, data.val, card)
        card = _complete(card, evaluation)
        facts = self._facts(model, card, evaluation, checkpoint)
        low, high = facts.interval
        told = (
            f"mAP {evaluation.map:.3f} ({low:.3f} to {high:.3f} with 95 % confidence), mAP50 {evaluation.map50:.3f} on "
            f"{len(data.val)} validation photos"
        )
        ending = Ending(facts.kept, tuple(advise(facts)), facts.interval)
        return Trained(
            model, card, told, lambda path, rows: self._report(path, rows, card, evaluation, ending), ending.advice
        )

    def _facts(self, model: Network, card: ModelCard, evaluation: DetectionEvaluation, checkpoint: Checkpoint) -> Facts:
        """Puts together what the advice follows from; some training photos are looked at again, unchanged."""
        data = self._dataset
        picked = np.sort(np.random.default_rng(0).permutation(len(data.train))[:_TRAINING_PHOTOS])
        seen = replace(
            data.train,
            rows=data.train.rows[picked],
            boxes=tuple(data.train.boxes[i] for i in picked),
            truth=tuple(data.train.truth[i] for i in picked),
            paths=(),
        )
        boxes = np.concatenate([found[:, 0] for found in data.train.boxes] or [np.empty(0, np.float32)]).astype(
            np.int64
        )
        wanted = [truth.class_id[~truth.ignore] for truth in data.val.truth]
        shown = np.concatenate(wanted or [np.empty(0, np.int64)])
        counts, chosen = (np.bincount(ids, minlength=len(data.labels)).tolist() for ids in (boxes, shown))
        return Facts(
            figure="mAP",
            value=evaluation.map,
            interval=map_interval(evaluation),
            photos=len(data.val),
            on_training=measure(model, seen, card).map,
            counts=dict(zip(data.labels, counts, strict=True)),
            rows=checkpoint.state.rows,
            kept=checkpoint.state.kept,
            column="map",
            epochs=self.options.epochs or 0,
            boxes=dict(zip(data.labels, chosen, strict=True)),
        )

    def _report(
        self, path: Path, rows: list[Row], card: ModelCard, evaluation: DetectionEvaluation, ending: Ending
    ) -> None:
        summary = self._dataset.report.to_dict()
        photos = self._dataset.val.paths
        write_detection_report(path, card, rows, evaluation, photos, summary, asdict(self.options), ending)


def load(options: TrainOptions, spec: InputSpec) -> Training:
    """Loads photos with boxes and settles what the options leave open; see `edgetl.host.train.task.Task`."""
    options.refuse(CLASSIFIER_ONLY, "these photos have boxes: a detector is trained")
    if options.epochs == 0:
        what = "nothing would be trained: a detector learns in one stage, and --epochs is 0"
        raise UsageError(what, remedy="leave --epochs out, or give more than 0")
    if spec.height % 32:
        what = f"a detector's --size must be a multiple of 32, got {spec.height}"
        raise UsageError(what, remedy=f"give --size {max(128, round(spec.height / 32) * 32)}")
    folder = Path(options.data)
    data = load_boxed(folder, spec, val_fraction=options.val_fraction, seed=options.split_seed, strict=options.strict)
    import_keras()
    return Training(resolve_detector(choose_weights(options), len(data.train)), spec, data)


def resolve_detector(options: TrainOptions, photos: int) -> TrainOptions:
    """Fills in what the options leave open, from the weights, settled, and the count of training photos.

    Raises:
        UsageError: unknown weights, backbone or width.
    """
    options = inherit(options)
    little = options.weights == "none" or knows_little(options)
    batch = given(options.batch, _BATCH)
    epochs = given(options.epochs, default_epochs(photos, batch))
    return replace(
        options,
        strides=options.strides or _STRIDES,
        batch=batch,
        epochs=epochs,
        rate=given(options.rate, 2e-3),
        layer_decay=given(options.layer_decay, 1.0),
        ema=given(options.ema, 0.98),
        patience=given(options.patience, max(10, epochs // 3)),
        batch_norm=options.batch_norm or ("train" if little else "frozen"),
    )


def default_epochs(photos: int, batch: int) -> int:
    """Returns epochs: so many that there are `_STEPS` for few photos, for many at least 12 rounds."""
    from edgetl.host.train.detector.fit import steps_per_epoch

    return max(12, math.ceil(_STEPS / steps_per_epoch(photos, batch)))


def _complete(card: ModelCard, evaluation: DetectionEvaluation) -> ModelCard:
    """Adds what was measured: the figures, and each class's display threshold."""
    decoding = replace(card.detector, thresholds=evaluation.thresholds())
    measured = {"map": evaluation.map, "map50": evaluation.map50}
    metrics = {key: round(value, 4) for key, value in measured.items() if math.isfinite(value)}  # NaN without boxes
    return replace(card, decoding=decoding, metrics=metrics)


def _plain(model: Network, options: TrainOptions, classes: int) -> Network:
    """Returns the model as it is stored: in float32 whatever it was trained in, without any optimizer of ours."""
    import keras

    from edgetl.host.train.detector.network import assemble
    from edgetl.host.train.weights import backbones

    keras.config.set_dtype_policy("float32")
    size = options.size or SIZE
    network = backbones.build(options.backbone or "", options.alpha or 1.0, size, size)
    plain = assemble(network, classes, options.strides or _STRIDES, options).model
    plain.set_weights(model.get_weights())
    return plain
