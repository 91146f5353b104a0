"""Runs a training from its options to a model in the store, and resumes an interrupted one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from edgetl import store
from edgetl.argument_types import object_argument, text_argument
from edgetl.card import DatasetInfo
from edgetl.chosen_start import ChosenStart
from edgetl.errors import DatasetError, UsageError
from edgetl.files import friendly_os_errors, temporary_file, temporary_folder, write_atomic
from edgetl.host.console import console, optional, result, warn
from edgetl.host.train.checkpoint import Checkpoint
from edgetl.host.train.options import Precision, TrainOptions
from edgetl.host.train.resolve import check_options, resolve_input
from edgetl.host.train.task import detect_task, open_task
from edgetl.host.train.training import Trained
from edgetl.host.train.weights.initial_backbone import build_backbone
from edgetl.host.train.weights.source import WeightsSource, open_source
from edgetl.store.version_folders import training_folder

if TYPE_CHECKING:
    from edgetl.host.train.task import AnyTraining

_MOST_FILES = 10
"""At most this many unreadable files are listed by name, so that the warning stays readable."""


class UnfinishedError(UsageError):
    """A training would overwrite an unfinished one of the same name."""


def train(options: TrainOptions, *, restart: bool = False, start: ChosenStart | None = None) -> store.StoredModel:
    """Trains a classifier or a detector, depending on the data set, and stores it as the newest version of its name.

    Args:
        options: the options as the user stated them.
        restart: whether an unfinished training of this name is discarded.
        start: the choice of the weights, for the card; None if the user named them.

    Raises:
        UnfinishedError: there is an unfinished training of this name.
        BusyError: another process trains a model of this name.
        DatasetError: the photos can't be trained on.
        ModelError: the weights can't be used.
        UsageError: an option isn't valid.
        EdgetlError: a download failed, or the disk is full.
    """
    name = store.check_new_name(object_argument(options, TrainOptions, "options").name)
    source = open_source(options.weights)
    check_options(options, source)
    with only_training_of(name):
        if not restart:
            require_none_unfinished(name)
        checkpoint = Checkpoint(_folder(name))
        checkpoint.state.start = start
        return _run(options, source, checkpoint, resumed=False)


def require_none_unfinished(name: str) -> None:
    """Passes if there is no unfinished training of a name.

    Raises:
        UnfinishedError: there is one.
    """
    checkpoint = Checkpoint(_folder(name))
    if checkpoint.exists:
        what, where = f"there is an unfinished training of {name!r}, which would be lost", str(checkpoint.folder)
        remedy = f"`{resume_command(name)}` continues it; --restart discards it and starts over"
        raise UnfinishedError(what, where=where, remedy=remedy)


def resume(name: str, data: Path | str | None = None) -> store.StoredModel:
    """Continues an unfinished training with the options that it began with, and stores the model.

    Args:
        name: the model's name.
        data: the photos' folder if it has moved; None takes the folder that the training began with.

    Raises:
        UsageError: there is no unfinished training of this name.
        EdgetlError: the checkpoint can't be read, or an error of `train`.
    """
    checkpoint = Checkpoint(_folder(name))
    if not checkpoint.exists:
        what, where = f"no unfinished training of {name!r} to resume", str(checkpoint.folder)
        raise UsageError(what, where=where, remedy="train without --resume")
    with only_training_of(name):
        checkpoint.load()
        console.print(f"resuming after epoch {checkpoint.state.epoch} of stage {checkpoint.state.stage}")
        options = TrainOptions.load(checkpoint.folder / "train.toml")
        options = replace(options, data=text_argument(data or options.data, "data"))
        if not Path(options.data).exists():
            remedy = f"name the folder where they are now: edgetl train FOLDER --name {name} --resume"
            raise DatasetError("the photos of this training are gone", where=options.data, remedy=remedy)
        source = open_source(options.weights)
        check_options(options, source)
        return _run(options, source, checkpoint, resumed=True)


def discard_unfinished(name: str) -> None:
    """Deletes the folder of an unfinished training, if there is one.

    Raises:
        BusyError: this training is running.
    """
    if _folder(name).exists():
        with only_training_of(name):
            shutil.rmtree(_folder(name), ignore_errors=True)


def resume_command(name: str) -> str:
    """Returns the command that continues an unfinished training."""
    return f"edgetl train --name {name} --resume"


def only_training_of(name: str) -> AbstractContextManager[None]:
    """Holds the lock of a training of this name.

    Raises:
        BusyError: another process trains a model of this name.
        EdgetlError: the store can't be written to.
    """
    remedy = "wait until it ends, or choose another --name"
    return store.exclusive_lock(name, f"a model {name!r} is being trained", remedy)


def _folder(name: str) -> Path:
    return training_folder(store.root(), store.check_name(name))


def _run(options: TrainOptions, source: WeightsSource, checkpoint: Checkpoint, *, resumed: bool) -> store.StoredModel:
    task = detect_task(Path(options.data))
    training = open_task(task).load(options, source, resolve_input(options, source, task))
    resolved = training.options
    _prepare_folder(checkpoint, training.data, resumed)
    write_atomic(checkpoint.folder / "train.toml", _repeatable_options(training).to_toml())
    network = f"{resolved.backbone} {resolved.alpha:g} at {resolved.size} px from weights {resolved.weights}"
    console.print(f"{training.describe()}; {network}", markup=False)
    _print_warnings(training)
    if store.has(resolved.name):
        console.print(f"the model becomes a new version of {resolved.name}; earlier versions and their bundles stay")
    with _naming_resume(checkpoint, resolved.name), friendly_os_errors(checkpoint.folder):
        return _store(checkpoint, fit(training, checkpoint))


@contextmanager
def _naming_resume(checkpoint: Checkpoint, name: str) -> Iterator[None]:
    """Adds the command that continues the training to any error or interruption, if there is a checkpoint."""
    try:
        yield
    except BaseException as error:
        if checkpoint.exists:
            error.add_note(f"`{resume_command(name)}` continues after the last finished epoch")
        raise


def _repeatable_options(training: AnyTraining) -> TrainOptions:
    """Returns the options with absolute paths, so that `train.toml` means the same in every working directory."""
    options = training.options.to_train_options()
    weights = str(Path(options.weights).absolute()) if training.source.kind == "file" else options.weights
    return replace(options, data=str(Path(options.data).absolute()), weights=weights)


def _print_warnings(training: AnyTraining) -> None:
    for warning in training.warnings:
        warn(warning)
    for file in training.unreadable[:_MOST_FILES]:
        console.print(f"  {file}", markup=False)  # a file may be called [1].jpg
    if len(training.unreadable) > _MOST_FILES:
        console.print(f"  and {len(training.unreadable) - _MOST_FILES} more")


def _prepare_folder(checkpoint: Checkpoint, data: DatasetInfo, resumed: bool) -> None:
    """Empties the training's folder, or checks that a resumed training has the photos that it began with."""
    if not resumed:
        shutil.rmtree(checkpoint.folder, ignore_errors=True)
        checkpoint.state.data = data.fingerprint
    elif checkpoint.state.data != data.fingerprint:
        what = "the photos have changed since this training began"
        raise DatasetError(what, where=data.path, remedy="bring them back, or train with --restart instead of --resume")


def fit(training: AnyTraining, checkpoint: Checkpoint) -> Trained:
    """Trains a model from its initial weights or from a checkpoint, without storing it."""
    import keras

    keras.utils.set_random_seed(training.options.seed)
    _set_precision(training.options.precision)
    backbone, about = build_backbone(training.options, training.source)
    return training.run(backbone, about, checkpoint)


def _store(checkpoint: Checkpoint, trained: Trained) -> store.StoredModel:
    """Stores the model first: what is only for people to read may fail after that."""
    folder = checkpoint.folder
    now = datetime.now(UTC).isoformat(timespec="seconds")
    card = replace(trained.card, start=checkpoint.state.start, created=now, version=version("edgetl"))
    with temporary_file(folder / "model.keras", ".keras") as temporary:
        trained.model.save(temporary)
        temporary.chmod(0o644)
        temporary.replace(folder / "model.keras")
    write_atomic(folder / "card.json", card.to_json())
    with optional("the history", folder / "history.csv"):
        checkpoint.write_history(folder / "history.csv")
    put = store.add_version(card.name, folder)
    stored = put.model
    result(f"{stored.reference}: {trained.summary}")
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


def _set_precision(precision: Precision) -> None:
    import keras

    mixed = precision == "mixed"
    if mixed and not keras.distribution.list_devices("gpu"):
        console.print("this machine has no GPU: training in float32")
        mixed = False
    keras.config.set_dtype_policy("mixed_float16" if mixed else "float32")
