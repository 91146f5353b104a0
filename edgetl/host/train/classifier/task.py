"""The training of a classifier: from class folders to a card with its top-1."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from edgetl.card import Backbone, InputSpec, ModelCard
from edgetl.host.dataset.load import Dataset, load_dataset
from edgetl.host.evaluate.classifier import Evaluation
from edgetl.host.networks.backend import import_keras
from edgetl.host.networks.stored import predict
from edgetl.host.networks.untyped import Network
from edgetl.host.report.classifier import Ending, confidence_interval, write_training_report
from edgetl.host.train.advice import Facts, advise
from edgetl.host.train.checkpoint import Checkpoint, Row
from edgetl.host.train.options import DETECTOR_ONLY, TrainOptions
from edgetl.host.train.task import Trained
from edgetl.host.train.weights.choose import choose_weights, resolve

SIZE = 224
RESIZE = "stretch"

_TRAINING_PHOTOS = 300
"""On so many of the training photos the finished model is measured, to see whether it overfits."""


class Training:
    """See `edgetl.host.train.task.Training`.

    Args:
        options: resolved.
        spec: of the model's input.
        dataset: split.
    """

    def __init__(self, options: TrainOptions, spec: InputSpec, dataset: Dataset) -> None:
        self.options, self.data = options, dataset.info
        self.warnings, self.unreadable = dataset.report.warnings, dataset.report.unreadable
        self._spec, self._dataset = spec, dataset

    def describe(self) -> str:
        """Says for people what is about to be trained on what."""
        data = self._dataset
        return f"{len(data.train)} photos to train on, {len(data.val)} to validate, {len(data.labels)} classes"

    def run(self, backbone: Network, about: Backbone, checkpoint: Checkpoint) -> Trained:
        """Trains the head, then the backbone with it."""
        from edgetl.host.train.classifier.fit import train_all, train_head
        from edgetl.host.train.classifier.network import assemble

        data, options = self._dataset, self.options
        parts = assemble(backbone, len(data.labels), options)
        checkpoint.attach(parts.model)
        train_head(parts, data, options, checkpoint)
        train_all(parts, data, options, checkpoint)
        model = _plain(parts.model, options, len(data.labels))
        evaluation = Evaluation(data.labels, data.val.classes, predict(model, data.val))
        card = ModelCard(
            name=options.name,
            task="classification",
            labels=data.labels,
            input=self._spec,
            backbone=about,
            dataset=data.info,
            metrics={"top1": round(evaluation.top1, 4)},
        )
        facts = self._facts(model, evaluation, checkpoint)
        low, high = facts.interval
        told = (
            f"{evaluation.top1:.1%} of {len(data.val)} validation photos right "
            f"({low:.1%} to {high:.1%} with 95 % confidence)"
        )
        ending = Ending(facts.kept, tuple(advise(facts)))
        return Trained(
            model, card, told, lambda path, rows: self._report(path, rows, card, evaluation, ending), ending.advice
        )

    def _facts(self, model: Network, evaluation: Evaluation, checkpoint: Checkpoint) -> Facts:
        """Puts together what the advice follows from; some training photos are looked at again, unchanged."""
        data, options = self._dataset, self.options
        picked = np.sort(np.random.default_rng(0).permutation(len(data.train))[:_TRAINING_PHOTOS])
        seen = replace(data.train, rows=data.train.rows[picked], classes=data.train.classes[picked], paths=())
        learnt = Evaluation(data.labels, seen.classes, predict(model, seen))
        counts = np.bincount(data.train.classes, minlength=len(data.labels)).tolist()
        return Facts(
            figure="top-1",
            value=evaluation.top1,
            interval=confidence_interval(evaluation.top1, len(data.val)),
            photos=len(data.val),
            on_training=learnt.top1,
            counts=dict(zip(data.labels, counts, strict=True)),
            rows=checkpoint.state.rows,
            kept=checkpoint.state.kept,
            column="val_accuracy",
            epochs=options.epochs or options.head_epochs or 0,
        )

    def _report(self, path: Path, rows: list[Row], card: ModelCard, evaluation: Evaluation, ending: Ending) -> None:
        report = self._dataset.report
        summary: dict[str, object] = {"photos": report.photos, "classes": report.classes}
        summary |= {"sizes": report.sizes, "unreadable": report.unreadable, "warnings": report.warnings}
        photos = self._dataset.val.paths
        write_training_report(path, card, rows, evaluation, photos, summary, asdict(self.options), ending)


def load(options: TrainOptions, spec: InputSpec) -> Training:
    """Loads class folders and settles what the options leave open; see `edgetl.host.train.task.Task`."""
    options.refuse(DETECTOR_ONLY, "these photos are in class folders: a classifier is trained")
    folder = Path(options.data)
    data = load_dataset(folder, spec, val_fraction=options.val_fraction, seed=options.split_seed, strict=options.strict)
    import_keras()
    options = resolve(choose_weights(options), np.bincount(data.train.classes).tolist())
    return Training(options, spec, data)


def _plain(model: Network, options: TrainOptions, classes: int) -> Network:
    """Returns the model as it is stored: in float32 whatever it was trained in, without any optimizer of ours."""
    import keras

    from edgetl.host.train.classifier.network import assemble
    from edgetl.host.train.weights import backbones

    keras.config.set_dtype_policy("float32")
    size = options.size or SIZE
    network = backbones.build(options.backbone or "", options.alpha or 1.0, size, size)
    plain = assemble(network, classes, options).model
    plain.set_weights(model.get_weights())
    return plain
