"""Trains a classifier: from class folders to a card with its top-1."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from edgetl.card import Backbone, ClassifierDecoding, InputSpec, ModelCard
from edgetl.host.dataset.load import Dataset, load_dataset
from edgetl.host.evaluate.answer_distribution import classifier_profile
from edgetl.host.evaluate.classifier_tables import confidence_interval
from edgetl.host.evaluate.top1 import Evaluation
from edgetl.host.networks.backend import import_keras
from edgetl.host.networks.stored import predict
from edgetl.host.networks.untyped import Network
from edgetl.host.report.classifier_training import write_training_report
from edgetl.host.report.review_files import write_review
from edgetl.host.report.training_run import Ending
from edgetl.host.train.advice import Facts, advise
from edgetl.host.train.checkpoint import Checkpoint, Row
from edgetl.host.train.classifier.review import PhotoFeatures, review_photos
from edgetl.host.train.options import DETECTOR_ONLY, TrainOptions
from edgetl.host.train.resolve import ClassifierOptions, resolve_classifier
from edgetl.host.train.training import Trained, Training, count_by_label, sample
from edgetl.host.train.verdict import judge_classifier
from edgetl.host.train.weights.auto import replace_auto
from edgetl.host.train.weights.source import WeightsSource
from edgetl.text import counted

_TRAINING_PHOTOS = 300
"""The finished model is measured on this many of its training photos, to see whether it overfits; seconds of work."""


class ClassifierTraining(Training[ClassifierOptions, Dataset]):
    """A classifier's training, see `Training`."""

    _features: PhotoFeatures | None = None
    """The features of the photos by the initial weights; None if these are random or the training has not begun."""

    def describe(self) -> str:
        """Returns a line for people: how many photos there are, and of how many classes."""
        data = self.dataset
        classes = counted(len(data.labels), "class", "classes")
        return f"{counted(len(data.train), 'photo')} to train on, {len(data.val)} to validate, {classes}"

    def _card(self, about: Backbone) -> ModelCard:
        return self._card_of("classification", ClassifierDecoding(), about)

    def _assemble(self, backbone: Network) -> Network:
        from edgetl.host.train.classifier.network import assemble

        return assemble(backbone, len(self.dataset.labels), self.options).model

    def _train(self, backbone: Network, card: ModelCard, checkpoint: Checkpoint, *, only_last: bool) -> Network:
        """Trains the head, then the backbone with it."""
        from edgetl.host.train.classifier.fit import compute_all_features, train_all, train_head
        from edgetl.host.train.classifier.network import assemble

        parts = assemble(backbone, len(self.dataset.labels), self.options)
        if self.source.kind != "none":  # before a checkpoint replaces the initial weights
            self._features = compute_all_features(parts, self.dataset, self.options)
        checkpoint.attach(parts.model)
        train_head(parts, self.dataset, self.options, checkpoint, self._features, only_last=only_last)
        train_all(parts, self.dataset, self.options, checkpoint, only_last=only_last)
        return parts.model

    def _measure(self, model: Network, card: ModelCard, checkpoint: Checkpoint) -> Trained:
        val = self.dataset.val
        evaluation = Evaluation(self.dataset.labels, val.classes, predict(model, val))
        profile = classifier_profile(card, evaluation.scores, val)
        card = replace(card, metrics={"top1": round(evaluation.top1, 4)}, validation=profile)
        review = review_photos(self.dataset, self._features, evaluation)
        facts = replace(self._facts(model, evaluation, checkpoint), review=review)
        low, high = facts.interval
        summary = (
            f"{evaluation.top1:.1%} of {counted(len(val), 'validation photo')} right "
            f"({low:.1%} to {high:.1%} with 95 % confidence)"
        )
        ending = Ending(facts.best, tuple(advise(facts)), verdict=judge_classifier(facts, evaluation))

        def write_report(path: Path, rows: list[Row]) -> None:
            write_training_report(path, self._training_run(card, rows, ending), evaluation, review)
            write_review(path.parent, review)

        return Trained(model, card, summary, write_report, ending.advice)

    def _facts(self, model: Network, evaluation: Evaluation, checkpoint: Checkpoint) -> Facts:
        """Collects the facts for the advice; some training photos are measured again, without augmentation."""
        data, options = self.dataset, self.options
        picked = sample(len(data.train), _TRAINING_PHOTOS)
        seen = replace(data.train, rows=data.train.rows[picked], classes=data.train.classes[picked], paths=())
        return Facts(
            figure="top-1",
            value=evaluation.top1,
            interval=confidence_interval(evaluation.top1, len(data.val)),
            photos=len(data.val),
            on_training=Evaluation(data.labels, seen.classes, predict(model, seen)).top1,
            counts=count_by_label(data.labels, data.train.classes),
            rows=checkpoint.state.rows,
            best=checkpoint.state.best_row,
            column="val_accuracy",
            epochs=options.epochs or options.head_epochs,
        )

    def _data_summary(self) -> dict[str, object]:
        report = self.dataset.report
        return {
            "photos": report.photos,
            "classes": report.classes,
            "sizes": report.sizes,
            "unreadable": report.unreadable,
            "warnings": report.warnings,
        }


def load(options: TrainOptions, source: WeightsSource, spec: InputSpec) -> ClassifierTraining:
    """Loads class folders, and resolves the options; see `edgetl.host.train.task.Task`."""
    options.require_defaults(DETECTOR_ONLY, "these photos are in class folders: a classifier is trained")
    folder = Path(options.data)
    data = load_dataset(folder, spec, val_fraction=options.val_fraction, seed=options.split_seed, strict=options.strict)
    import_keras()
    source = replace_auto(source, options, spec.height)
    resolved = resolve_classifier(options, source, spec, np.bincount(data.train.classes).tolist())
    return ClassifierTraining(resolved, source, spec, data)
