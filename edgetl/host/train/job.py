"""One training from options to a model in the store."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from edgetl import store
from edgetl.card import InputSpec, ModelCard
from edgetl.errors import DatasetError, UsageError
from edgetl.files import told_plainly, write_atomic
from edgetl.host.backend import import_keras
from edgetl.host.dataset.check import Report
from edgetl.host.dataset.load import Dataset, load_dataset
from edgetl.host.evaluate import Evaluation
from edgetl.host.progress import console
from edgetl.host.report import write_training_report
from edgetl.host.stored import predict
from edgetl.host.train.checkpoint import Checkpoint
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.source import DEFAULT_SIZE, build_backbone, check, choose_weights, resolve, stored_source
from edgetl.host.untyped import Network

_MOST_FILES = 10
"""That don't open, and are named."""


def train(options: TrainOptions) -> store.StoredModel:
    """Trains a classifier and puts it into the store.

    Args:
        options: see `TrainOptions`.

    Raises:
        DatasetError: the photos can't be trained on.
        ModelError: the weights can't be used.
        UsageError: an option can't be meant.
        EdgetlError: a download failed, the disk is full.
    """
    return _prepare(options, Checkpoint(_folder(store.check_new_name(options.name))), resumed=False)


def resume(name: str, data: str | None = None) -> store.StoredModel:
    """Continues an unfinished training with the options it began with, and puts the model into the store.

    Args:
        name: of the model.
        data: the photos' folder, where it has moved.

    Raises:
        UsageError: there is no such training.
        EdgetlError: as `train` does.
    """
    checkpoint = Checkpoint(_folder(name))
    if not checkpoint.exists:
        what, where = f"no unfinished training of {name!r} to resume", str(checkpoint.folder)
        raise UsageError(what, where=where, remedy="train without --resume")
    checkpoint.load()
    console.print(f"resuming after epoch {checkpoint.state.epoch} of stage {checkpoint.state.stage}")
    begun = TrainOptions.load(checkpoint.folder / "train.toml")
    return _prepare(replace(begun, data=data or begun.data), checkpoint, resumed=True)


def _folder(name: str) -> Path:
    return store.root() / f".{store.check_name(name)}.training"


def _prepare(options: TrainOptions, checkpoint: Checkpoint, *, resumed: bool) -> store.StoredModel:
    check(options)
    source = stored_source(options.weights)
    size = options.size or (source.card.input.height if source else DEFAULT_SIZE)
    spec = InputSpec(size, size, resize=options.resize)
    data = load_dataset(
        Path(options.data), spec, val_fraction=options.val_fraction, seed=options.seed, strict=options.strict
    )
    import_keras()
    options = resolve(choose_weights(options), np.bincount(data.train.classes).tolist())
    _settle(checkpoint, data, resumed)
    write_atomic(checkpoint.folder / "train.toml", options.to_toml())
    console.print(
        f"{len(data.train)} photos to train on, {len(data.val)} to validate, {len(data.labels)} classes; "
        f"{options.backbone} {options.alpha:g} at {size} px from weights {options.weights}"
    )
    _warn(data.report)
    if store.has(options.name):
        console.print(f"the earlier model {options.name} and its bundles give way once this one is done")
    with told_plainly(checkpoint.folder):
        return _train(options, data, spec, checkpoint)


def _warn(report: Report) -> None:
    lines = [f"warning: {warning}" for warning in report.warnings]
    lines += [f"  {file}" for file in report.unreadable[:_MOST_FILES]]
    if len(report.unreadable) > _MOST_FILES:
        lines.append(f"  and {len(report.unreadable) - _MOST_FILES} more")
    for line in lines:
        console.print(line, markup=False)  # a file may be called [1].jpg


def _settle(checkpoint: Checkpoint, data: Dataset, resumed: bool) -> None:
    """Makes the training's folder ready, now that nothing speaks against the training any more."""
    if not resumed:
        if checkpoint.exists:
            console.print("starting over; --resume would have continued the unfinished training of that name")
        shutil.rmtree(checkpoint.folder, ignore_errors=True)
        checkpoint.state.data = data.info.fingerprint
    elif checkpoint.state.data != data.info.fingerprint:
        what = "the photos have changed since this training began"
        raise DatasetError(what, where=data.info.path, remedy="bring them back, or train without --resume")


def _train(options: TrainOptions, data: Dataset, spec: InputSpec, checkpoint: Checkpoint) -> store.StoredModel:
    import keras

    from edgetl.host.train.classifier import assemble
    from edgetl.host.train.fit import train_all, train_head

    keras.utils.set_random_seed(options.seed)
    _set_precision(options)
    backbone, about = build_backbone(options)
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
        input=spec,
        backbone=about,
        dataset=data.info,
        metrics={"top1": round(evaluation.top1, 4)},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        version=version("edgetl"),
    )
    return _store(checkpoint, model, card, evaluation, data, options)


def _store(
    checkpoint: Checkpoint,
    model: Network,
    card: ModelCard,
    evaluation: Evaluation,
    data: Dataset,
    options: TrainOptions,
) -> store.StoredModel:
    folder = checkpoint.folder
    _save(model, folder / "model.keras")
    write_atomic(folder / "card.json", card.to_json())
    checkpoint.write_history(folder / "history.csv")
    summary: dict[str, object] = {"photos": data.report.photos, "classes": data.report.classes}
    summary |= {"sizes": data.report.sizes, "unreadable": data.report.unreadable, "warnings": data.report.warnings}
    write_training_report(
        folder / "report" / "index.html",
        card,
        checkpoint.state.rows,
        evaluation,
        data.val.paths,
        summary,
        asdict(options),
    )
    stored = store.put(options.name, folder)
    (stored.folder / "checkpoint.npz").unlink()  # not before: a kill in between leaves a training to resume
    console.print(f"{card.name}: {evaluation.top1:.1%} of {len(data.val)} validation photos right")
    console.print(f"model   {stored.folder}\nreport  {stored.folder / 'report' / 'index.html'}")
    console.print(f"next    edgetl convert {card.name} --target rpi")
    return stored


def _save(model: Network, path: Path) -> None:
    temporary = path.with_name(f".{path.name}")
    try:
        model.save(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _set_precision(options: TrainOptions) -> None:
    import keras

    mixed = options.precision == "mixed"
    if mixed and not keras.distribution.list_devices("gpu"):
        console.print("there is no GPU here: training in float32")
        mixed = False
    keras.config.set_dtype_policy("mixed_float16" if mixed else "float32")


def _plain(model: Network, options: TrainOptions, classes: int) -> Network:
    """Returns the model as it is stored: in float32 whatever it was trained in, without any optimizer of ours."""
    import keras

    from edgetl.host.train import backbones
    from edgetl.host.train.classifier import assemble

    keras.config.set_dtype_policy("float32")
    size = options.size or DEFAULT_SIZE
    network = backbones.build(options.backbone or "", options.alpha or 1.0, size, size)
    plain = assemble(network, classes, options).model
    plain.set_weights(model.get_weights())
    return plain
