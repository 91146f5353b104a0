"""One training from options to a model in the store."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from textwrap import fill

from edgetl import store
from edgetl.card import DatasetInfo, InputSpec
from edgetl.errors import DatasetError, UsageError
from edgetl.files import friendly_os_errors, temporary_file, temporary_folder, write_atomic
from edgetl.host.console import console, optional, result
from edgetl.host.train.checkpoint import Checkpoint
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.task import Task, TaskName, Trained, Training, open_task, task_name
from edgetl.host.train.weights.choose import build_backbone, check, stored_source
from edgetl.store.version_folders import training_folder

_MOST_FILES = 10
"""That don't open, and are named."""


class UnfinishedError(UsageError):
    """An unfinished training of that name would be lost."""


def train(options: TrainOptions, *, restart: bool = False) -> store.StoredModel:
    """Trains a classifier or a detector, as the data set asks for, and puts it into the store as the newest version.

    Args:
        options: see `TrainOptions`.
        restart: whether an unfinished training of that name may be discarded.

    Raises:
        UnfinishedError: there is an unfinished training of that name.
        BusyError: another process trains a model of that name.
        DatasetError: the photos can't be trained on.
        ModelError: the weights can't be used.
        UsageError: an option can't be meant.
        EdgetlError: a download failed, the disk is full.
    """
    name = store.check_new_name(options.name)
    check(options)
    with _alone(name):
        checkpoint = Checkpoint(_folder(name))
        if checkpoint.exists and not restart:
            what, where = f"there is an unfinished training of {name!r}, which would be lost", str(checkpoint.folder)
            remedy = f"`{resume_command(name)}` goes on with it; --restart discards it and starts over"
            raise UnfinishedError(what, where=where, remedy=remedy)
        return _prepare(options, checkpoint, resumed=False)


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
    with _alone(name):
        checkpoint.load()
        console.print(f"resuming after epoch {checkpoint.state.epoch} of stage {checkpoint.state.stage}")
        begun = TrainOptions.load(checkpoint.folder / "train.toml")
        options = replace(begun, data=data or begun.data)
        if not Path(options.data).exists():
            remedy = f"name the folder where they are now: edgetl train FOLDER --name {name} --resume"
            raise DatasetError("the photos of this training are gone", where=options.data, remedy=remedy)
        check(options)
        return _prepare(options, checkpoint, resumed=True)


def discard_unfinished(name: str) -> None:
    """Deletes what an unfinished training of that name left, if there is one.

    Raises:
        BusyError: that training is running.
    """
    if _folder(name).exists():
        with _alone(name):
            shutil.rmtree(_folder(name), ignore_errors=True)


def resume_command(name: str) -> str:
    """Returns the command that goes on with an unfinished training."""
    return f"edgetl train --name {name} --resume"


def _alone(name: str) -> AbstractContextManager[None]:
    """Holds the lock of a training of that name."""
    remedy = "wait for it to end, or choose another --name"
    return store.exclusive_lock(name, f"a model {name!r} is being trained", remedy)


def _folder(name: str) -> Path:
    return training_folder(store.root(), store.check_name(name))


def _prepare(options: TrainOptions, checkpoint: Checkpoint, *, resumed: bool) -> store.StoredModel:
    source = stored_source(options.weights)
    if source:  # this version of it, whichever becomes current while this training runs
        options = replace(options, weights=source.exact_name)
    name = task_name(Path(options.data))
    task = open_task(name)
    options, spec = _settle_input(options, task, name)
    training = task.load(options, spec)
    options = training.options
    _settle_folder(checkpoint, training.data, resumed)
    write_atomic(checkpoint.folder / "train.toml", _lasting(options).to_toml())
    network = f"{options.backbone} {options.alpha:g} at {options.size} px from weights {options.weights}"
    console.print(f"{training.describe()}; {network}", markup=False)
    _warn(training)
    if store.has(options.name):
        console.print(f"the model becomes a new version of {options.name}; earlier versions and their bundles stay")
    with _resumable(checkpoint, options.name), friendly_os_errors(checkpoint.folder):
        return _train(training, checkpoint)


@contextmanager
def _resumable(checkpoint: Checkpoint, name: str) -> Iterator[None]:
    """Adds to whatever ends the training early how to go on with it, if that is possible."""
    try:
        yield
    except BaseException as error:
        if checkpoint.exists:
            error.add_note(f"`{resume_command(name)}` goes on after the last finished epoch")
        raise


def _lasting(options: TrainOptions) -> TrainOptions:
    """Makes paths absolute, so that train.toml means the same wherever a command is run."""
    weights = options.weights
    if stored_source(weights) is None and weights not in store.RESERVED:
        weights = str(Path(weights).absolute())
    return replace(options, data=str(Path(options.data).absolute()), weights=weights)


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
        shutil.rmtree(checkpoint.folder, ignore_errors=True)
        checkpoint.state.data = data.fingerprint
    elif checkpoint.state.data != data.fingerprint:
        what = "the photos have changed since this training began"
        raise DatasetError(what, where=data.path, remedy="bring them back, or train with --restart instead of --resume")


def _train(training: Training, checkpoint: Checkpoint) -> store.StoredModel:
    import keras

    keras.utils.set_random_seed(training.options.seed)
    _set_precision(training.options)
    backbone, about = build_backbone(training.options)
    return _store(checkpoint, training.run(backbone, about, checkpoint))


def _store(checkpoint: Checkpoint, trained: Trained) -> store.StoredModel:
    """Puts the model into the store first; what is only for people to read may fail after that."""
    folder = checkpoint.folder
    now = datetime.now(UTC).isoformat(timespec="seconds")
    card = replace(trained.card, created=now, version=version("edgetl"))
    with temporary_file(folder / "model.keras", ".keras") as temporary:
        trained.model.save(temporary)
        temporary.chmod(0o644)
        temporary.replace(folder / "model.keras")
    write_atomic(folder / "card.json", card.to_json())
    with optional("the history", folder / "history.csv"):
        checkpoint.write_history(folder / "history.csv")
    put = store.add_version(card.name, folder)
    stored = put.model
    result(f"{stored.reference}: {trained.told}")
    for sentence in trained.advice:
        console.print(fill(sentence, 78, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False))
    console.print(f"model   {stored.folder}")
    with optional("the report", stored.folder / "report"):
        with temporary_folder(store.root() / f"{card.name}.report") as work:
            trained.write_report(work / "index.html", checkpoint.state.rows)
            place = store.add_folder(stored, "report", work)
        console.print(f"report  {place / 'index.html'}")
    if put.reason:
        console.print(put.reason)
    console.print(f"next    edgetl convert {stored.reference} --target rpi")
    return stored


def _set_precision(options: TrainOptions) -> None:
    import keras

    mixed = options.precision == "mixed"
    if mixed and not keras.distribution.list_devices("gpu"):
        console.print("there is no GPU here: training in float32")
        mixed = False
    keras.config.set_dtype_policy("mixed_float16" if mixed else "float32")
