"""One training from options to a model in the store."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from edgetl import store
from edgetl.card import DatasetInfo, InputSpec
from edgetl.errors import DatasetError, UsageError
from edgetl.files import told_plainly, write_atomic
from edgetl.host.progress import console
from edgetl.host.train.checkpoint import Checkpoint
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.source import build_backbone, check, stored_source
from edgetl.host.train.task import Task, TaskName, Trained, Training, open_task, task_name
from edgetl.host.untyped import Network

_MOST_FILES = 10
"""That don't open, and are named."""


def train(options: TrainOptions) -> store.StoredModel:
    """Trains a classifier or a detector, as the data set asks for, and puts it into the store.

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
    name = task_name(Path(options.data))
    task = open_task(name)
    options, spec = _settle_input(options, task, name)
    training = task.load(options, spec)
    options = training.options
    _settle_folder(checkpoint, training.data, resumed)
    write_atomic(checkpoint.folder / "train.toml", options.to_toml())
    network = f"{options.backbone} {options.alpha:g} at {options.size} px from weights {options.weights}"
    console.print(f"{training.describe()}; {network}", markup=False)
    _warn(training)
    if store.has(options.name):
        console.print(f"the earlier model {options.name} and its bundles give way once this one is done")
    with told_plainly(checkpoint.folder):
        return _train(training, checkpoint)


def _settle_input(options: TrainOptions, task: Task, name: TaskName) -> tuple[TrainOptions, InputSpec]:
    """Settles how large the input is, and how a photo becomes so."""
    source = stored_source(options.weights)
    alike = source is not None and source.card.task == name
    size = options.size or (source.card.input.height if source and alike else task.SIZE)
    resize = options.resize or task.RESIZE
    return replace(options, size=size, resize=resize), InputSpec(size, size, resize=resize)


def _warn(training: Training) -> None:
    lines = [f"warning: {warning}" for warning in training.warnings]
    lines += [f"  {file}" for file in training.unreadable[:_MOST_FILES]]
    if len(training.unreadable) > _MOST_FILES:
        lines.append(f"  and {len(training.unreadable) - _MOST_FILES} more")
    for line in lines:
        console.print(line, markup=False)  # a file may be called [1].jpg


def _settle_folder(checkpoint: Checkpoint, data: DatasetInfo, resumed: bool) -> None:
    """Makes the training's folder ready, now that nothing speaks against the training any more."""
    if not resumed:
        if checkpoint.exists:
            console.print("starting over; --resume would have continued the unfinished training of that name")
        shutil.rmtree(checkpoint.folder, ignore_errors=True)
        checkpoint.state.data = data.fingerprint
    elif checkpoint.state.data != data.fingerprint:
        what = "the photos have changed since this training began"
        raise DatasetError(what, where=data.path, remedy="bring them back, or train without --resume")


def _train(training: Training, checkpoint: Checkpoint) -> store.StoredModel:
    import keras

    keras.utils.set_random_seed(training.options.seed)
    _set_precision(training.options)
    backbone, about = build_backbone(training.options)
    return _store(checkpoint, training.run(backbone, about, checkpoint))


def _store(checkpoint: Checkpoint, trained: Trained) -> store.StoredModel:
    folder, report = checkpoint.folder, Path("report") / "index.html"
    now = datetime.now(UTC).isoformat(timespec="seconds")
    card = replace(trained.card, created=now, version=version("edgetl"))
    _save(trained.model, folder / "model.keras")
    write_atomic(folder / "card.json", card.to_json())
    checkpoint.write_history(folder / "history.csv")
    trained.write_report(folder / report, checkpoint.state.rows)
    stored = store.put(card.name, folder)
    (stored.folder / "checkpoint.npz").unlink()  # not before: a kill in between leaves a training to resume
    console.print(f"{card.name}: {trained.told}")
    console.print(f"model   {stored.folder}\nreport  {stored.folder / report}")
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
