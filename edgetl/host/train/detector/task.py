"""Trains a detector: from photos with boxes to a card with its mAP and its display thresholds."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgetl.card import Backbone, DetectorDecoding, InputSpec, ModelCard
from edgetl.errors import UsageError
from edgetl.host.console import console
from edgetl.host.dataset.boxes.load import BoxedDataset, load_boxed
from edgetl.host.evaluate.answer_distribution import detector_profile
from edgetl.host.evaluate.detector_tables import class_rows
from edgetl.host.evaluate.map_interval import map_interval
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation
from edgetl.host.evaluate.predict_boxes import measure
from edgetl.host.networks.backend import import_keras
from edgetl.host.networks.stored import load_keras
from edgetl.host.networks.untyped import Network
from edgetl.host.probe.photo_review import PhotoReview
from edgetl.host.report.detector_training import write_detection_report
from edgetl.host.report.review_files import write_review
from edgetl.host.report.training_run import Ending
from edgetl.host.train.advice import Facts, advise
from edgetl.host.train.checkpoint import Checkpoint, Row
from edgetl.host.train.detector.review import RANDOM_WEIGHTS, CropFeatures, compute_crop_features, review_boxes
from edgetl.host.train.options import CLASSIFIER_ONLY, TrainOptions
from edgetl.host.train.resolve import DetectorOptions, resolve_detector
from edgetl.host.train.training import Trained, Training, count_by_label, sample
from edgetl.host.train.verdict import judge_detector
from edgetl.host.train.weights.auto import replace_auto
from edgetl.host.train.weights.source import WeightsSource
from edgetl.text import counted

_TRAINING_PHOTOS = 100
"""The finished model is measured on this many of its training photos, to see whether it overfits; seconds of work."""
_VOTE_IOU = 0.7
"""Boxes that overlap by at least this much, 0..1, show the same object; 0.6 and 0.8 place boxes equally well."""
_SIZE_STEP = 32
"""A detector's input size must be a multiple of this, the largest stride, px."""


class DetectorTraining(Training[DetectorOptions, BoxedDataset]):
    """A detector's training, see `Training`."""

    _crops: CropFeatures | PhotoReview = RANDOM_WEIGHTS
    """The features of crops of the boxes by the initial weights, or the review if there are none."""

    def describe(self) -> str:
        """Returns a line for people: how many photos and boxes there are, and of how many classes."""
        data = self.dataset
        test = f", {len(data.test)} left aside to test with" if len(data.test) else ""
        boxes = counted(sum(map(len, data.train.boxes)), "box", "boxes")
        classes = counted(len(data.labels), "class", "classes")
        train = f"{counted(len(data.train), 'photo')} with {boxes} to train on"
        return f"{train}, {len(data.val)} to validate{test}, {classes}"

    def _card(self, about: Backbone) -> ModelCard:
        decoding = DetectorDecoding(strides=self.options.strides, vote_iou=_VOTE_IOU, bins=self.options.bins)
        return self._card_of("detection", decoding, about)

    def _assemble(self, backbone: Network) -> Network:
        from edgetl.host.train.detector.network import assemble

        return assemble(backbone, len(self.dataset.labels), self.options).model

    def _train(self, backbone: Network, card: ModelCard, checkpoint: Checkpoint, *, only_last: bool) -> Network:
        """Trains the backbone and the head together."""
        from edgetl.host.train.detector.fit import train_detector
        from edgetl.host.train.detector.network import assemble

        parts = assemble(backbone, len(self.dataset.labels), self.options)
        self._copy_stored_head(parts.model, card)
        if self.source.kind != "none" and not only_last:  # before a checkpoint replaces the initial weights
            self._crops = compute_crop_features(backbone, self.dataset, self.options, self.spec)
        checkpoint.attach(parts.model)
        train_detector(parts, self.dataset, self.options, checkpoint, card, only_last=only_last)
        return parts.model

    def _copy_stored_head(self, model: Network, card: ModelCard) -> None:
        """Copies what a stored detector knows behind its backbone, if the training begins from one."""
        from edgetl.host.train.detector.stored_head import copy_head

        stored = self.source.model
        if stored is None or stored.card.task != "detection":
            return
        layers = copy_head(model, card, load_keras(stored), stored.card)
        console.print(f"{counted(layers, 'layer')} behind the backbone begin with the weights of {stored.name}")

    def _measure(self, model: Network, card: ModelCard, checkpoint: Checkpoint) -> Trained:
        evaluation = measure(model, self.dataset.val, card)
        card = _with_figures(card, evaluation)
        card = replace(card, validation=detector_profile(card, evaluation.found, self.dataset.val))
        seen = self._on_training_photos(model, card)
        crops = self._crops
        review = (
            crops
            if isinstance(crops, PhotoReview)
            else review_boxes(self.dataset, crops, evaluation, card.detector.thresholds)
        )
        facts = replace(self._facts(evaluation, seen, checkpoint), review=review)
        low, high = facts.interval
        summary = (
            f"mAP {evaluation.map:.3f} ({low:.3f} to {high:.3f} with 95 % confidence), mAP50 {evaluation.map50:.3f} on "
            f"{counted(len(self.dataset.val), 'validation photo')}"
        )
        verdict = judge_detector(facts, class_rows(evaluation, card.detector.thresholds))
        ending = Ending(facts.best, tuple(advise(facts)), facts.interval, verdict)

        def write_report(path: Path, rows: list[Row]) -> None:
            write_detection_report(path, self._training_run(card, rows, ending), evaluation, seen, review)
            write_review(path.parent, review)

        return Trained(model, card, summary, write_report, ending.advice)

    def _on_training_photos(self, model: Network, card: ModelCard) -> DetectionEvaluation:
        """Measures the model on some of its training photos, without augmentation."""
        data = self.dataset
        picked = sample(len(data.train), _TRAINING_PHOTOS)
        seen = replace(
            data.train,
            rows=data.train.rows[picked],
            boxes=tuple(data.train.boxes[i] for i in picked),
            truth=tuple(data.train.truth[i] for i in picked),
            paths=(),
        )
        return measure(model, seen, card)

    def _facts(self, evaluation: DetectionEvaluation, seen: DetectionEvaluation, checkpoint: Checkpoint) -> Facts:
        """Collects the facts for the advice from the figures on validation photos and on training photos."""
        data = self.dataset
        no_boxes = np.empty(0, np.int64)
        train_ids = np.concatenate([no_boxes, *(boxes[:, 0].astype(np.int64) for boxes in data.train.boxes)])
        val_ids = np.concatenate([no_boxes, *(truth.class_id[~truth.ignore] for truth in data.val.truth)])
        return Facts(
            figure="mAP",
            value=evaluation.map,
            interval=map_interval(evaluation),
            photos=len(data.val),
            on_training=seen.map,
            counts=count_by_label(data.labels, train_ids),
            rows=checkpoint.state.rows,
            best=checkpoint.state.best_row,
            column="map",
            epochs=self.options.epochs,
            boxes=count_by_label(data.labels, val_ids),
        )

    def _data_summary(self) -> dict[str, object]:
        return self.dataset.report.to_dict()


def load(options: TrainOptions, source: WeightsSource, spec: InputSpec) -> DetectorTraining:
    """Loads photos with boxes, and resolves the options; see `edgetl.host.train.task.Task`."""
    options.require_defaults(CLASSIFIER_ONLY, "these photos have boxes: a detector is trained")
    if options.epochs == 0:
        what = "nothing would be trained: a detector learns in one stage, and --epochs is 0"
        raise UsageError(what, remedy="leave --epochs out, or give more than 0")
    if spec.height % _SIZE_STEP:
        what = f"a detector's --size must be a multiple of {_SIZE_STEP}, got {spec.height}"
        raise UsageError(what, remedy=f"give --size {max(128, round(spec.height / _SIZE_STEP) * _SIZE_STEP)}")
    folder = Path(options.data)
    data = load_boxed(folder, spec, val_fraction=options.val_fraction, seed=options.split_seed, strict=options.strict)
    import_keras()
    source = replace_auto(source, options, spec.height)
    resolved = resolve_detector(options, source, spec, len(data.train))
    return DetectorTraining(resolved, source, spec, data)


def _with_figures(card: ModelCard, evaluation: DetectionEvaluation) -> ModelCard:
    """Adds the measured figures and each class's display threshold to a card."""
    decoding = replace(card.detector, thresholds=evaluation.thresholds())
    measured = {"map": evaluation.map, "map50": evaluation.map50}
    metrics = {key: round(value, 4) for key, value in measured.items() if math.isfinite(value)}  # NaN without boxes
    return replace(card, decoding=decoding, metrics=metrics)
