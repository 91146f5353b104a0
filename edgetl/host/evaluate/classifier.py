"""Evaluates classifiers on labelled photos: stored models in Keras, other models through the device's code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl import store
from edgetl.card import ModelCard
from edgetl.device.inference.model import Model
from edgetl.errors import DatasetError, ModelError
from edgetl.host.console import track
from edgetl.host.dataset.boxes.read import is_boxed
from edgetl.host.dataset.cache import load_pixels
from edgetl.host.dataset.folders import read_folders
from edgetl.host.dataset.load import Photos, load_labelled
from edgetl.host.evaluate.top1 import Evaluation
from edgetl.host.networks.stored import dataset_of, load_network, predict, warn_of_learnt_photos
from edgetl.text import counted
from edgetl.vision.photo import read_photo


def evaluate_stored(stored: store.StoredModel, data: Path | None) -> Evaluation:
    """Evaluates a stored classifier; see `edgetl.host.evaluate.job.evaluate`."""
    card = stored.card
    photos = dataset_of(card).val if data is None else _validation_split(card, data) or _decoded(card, data)
    return Evaluation(card.labels, photos.classes, predict(load_network(stored), photos))


def evaluate_opened(model: Model, data: Path | None) -> Evaluation:
    """Evaluates an opened classifier; see `edgetl.host.evaluate.job.evaluate`."""
    return evaluate_model(model, *labelled_photos(model.card, data, model.card.labels))


def _decoded(card: ModelCard, data: Path) -> Photos:
    paths, classes = load_labelled(data, card.labels)
    # A separate entry of the cache, so that the pixels of a training on the same folder are not replaced.
    pixels = load_pixels(data / "measured", paths, card.input)[1]
    return Photos(pixels, np.arange(len(paths)), tuple(paths), classes)


def labelled_photos(
    card: ModelCard, data: Path | None, labels: tuple[str, ...]
) -> tuple[Sequence[Path], NDArray[np.int64]]:
    """Returns the photos to evaluate a classifier on.

    Args:
        card: the classifier's card.
        data: the folder of class folders; None takes the validation split of the training.
        labels: the names of the classes that may occur, the classifier's own first.

    Returns:
        N photo files, and the true class of each, (N,) int64 as positions in `labels`.

    Raises:
        DatasetError: the photos can't be used, or have a class that is not among the labels.
    """
    if data is None:
        val = dataset_of(card).val
        return val.paths, val.classes
    validation = _validation_split(card, data)
    return (validation.paths, validation.classes) if validation else load_labelled(data, labels)


def _validation_split(card: ModelCard, data: Path) -> Photos | None:
    """Returns the validation split if `data` holds the photos that the model was trained on, without parts; else None.

    The training photos must be left out, because a model recognises them better than new ones.
    """
    if is_boxed(data):
        what = f"the photos have boxes, but {card.name} is a classifier"
        raise DatasetError(what, where=str(data), remedy="give photos in folders named as its classes")
    info, samples = card.dataset, read_folders(data).samples
    labels, parts = {sample.label for sample in samples}, {sample.part for sample in samples}
    # Names and count rule out most other data sets without decoding their photos.
    if info is None or parts & {"test", "val"} or labels != set(card.labels) or len(samples) < info.train + info.val:
        return None
    try:
        return dataset_of(card, str(data)).val
    except DatasetError:
        warn_of_learnt_photos(card)
        return None


def evaluate_model(model: Model, photos: Sequence[Path], truth: NDArray[np.int64]) -> Evaluation:
    """Runs a classifier on photo files through the device's own code.

    Args:
        model: an opened classifier.
        photos: N photo files.
        truth: the true class of each photo, (N,) int64 as columns of the model's output.

    Raises:
        PhotoError: a photo can't be read.
        ModelError: a score is not a finite number.
    """
    rows = track(photos, "Evaluating", len(photos))
    scores = np.stack([model.scores(read_photo(path, model.card.input)).copy() for path in rows])
    bad = int((~np.isfinite(scores)).any(axis=1).sum())
    if bad:
        what = f"the model's scores are not finite numbers on {bad} of {counted(len(photos), 'photo')}"
        raise ModelError(what, where=model.card.name, remedy="convert the model again; its weights may be damaged")
    return Evaluation(model.card.labels, truth, scores)
