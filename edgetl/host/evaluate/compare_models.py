"""Compares two models on the same photos: what `edgetl eval OLD NEW --data DATA` does."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgetl import store
from edgetl.argument_types import path_argument, text_argument
from edgetl.card import ModelCard
from edgetl.device.inference.model import Model
from edgetl.errors import UsageError
from edgetl.find_bundle import find_bundle
from edgetl.host.dataset.boxes.load import BoxedPhotos
from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.dataset.cache import load_pixels
from edgetl.host.dataset.load import Photos
from edgetl.host.evaluate.classifier import evaluate_model, labelled_photos
from edgetl.host.evaluate.compare_answers import compare_answers, compare_boxes
from edgetl.host.evaluate.detector import find_on_device
from edgetl.host.evaluate.detector_photos import photos_with_truth
from edgetl.host.evaluate.job import refuse_file_options, stored_model
from edgetl.host.evaluate.learnt_photos import not_learnt
from edgetl.host.evaluate.paired_comparison import ModelComparison
from edgetl.host.evaluate.predict_boxes import find, judging
from edgetl.host.networks.stored import load_keras, load_network, predict
from edgetl.text import listed
from edgetl.vision.arrays import ClassIds


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the two models that are compared.

    Attributes:
        name: the name or path that the user gave.
        model: the stored model, which runs in Keras, or the opened bundle or file, which runs in the device's code.
    """

    name: str
    model: store.StoredModel | Model

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self.model.card


def compare_models(
    old: Path | str,
    new: Path | str,
    data: Path | str | None = None,
    *,
    labels: Path | str | None = None,
    variant: str | None = None,
) -> ModelComparison:
    """Compares two models on the same photos, with the 95 % interval of each change.

    Photos that the old model was trained on are left out, as far as they are known.

    Args:
        old: the name of a stored model, or the path of a bundle or file.
        new: the other model, of the same task.
        data: the folder of labelled photos, of which those are used that `edgetl eval` would use for the new model;
            None takes the validation split of the new model's training.
        labels: a text file with one label a line, for a model file that does not contain its labels.
        variant: the name of a variant, of each model that is a bundle.

    Raises:
        UsageError: there is no such model, or the two have different tasks.
        DatasetError: the photos can't be used, or have a class that neither model knows.
    """
    folder = None if data is None else path_argument(data, "data")
    names = text_argument(old, "old"), text_argument(new, "new")
    file = None if labels is None else path_argument(labels, "labels")
    with ExitStack() as stack:
        first, second = (_open(name, file, variant, stack) for name in names)
        if first.card.task != second.card.task:
            what = f"a model for {first.card.task} can't be compared with one for {second.card.task}"
            raise UsageError(what, where=f"{names[0]}, {names[1]}", remedy="name two models of one task")
        compare = _compare_detectors if second.card.task == "detection" else _compare_classifiers
        return compare(first, second, folder)


def _open(name: str, labels: Path | None, variant: str | None, stack: ExitStack) -> Candidate:
    stored = stored_model(name)
    if stored is not None:
        refuse_file_options(stored, variant, labels)
        return Candidate(name, stored)
    return Candidate(name, stack.enter_context(Model.open(find_bundle(name), variant=variant, labels=labels)))


def _compare_classifiers(old: Candidate, new: Candidate, data: Path | None) -> ModelComparison:
    labels = _all_labels(old, new)
    paths, truth = labelled_photos(new.card, data, labels)
    kept = not_learnt(old.card, new.card, old.name, _root(new, data), paths)
    files, truth = [paths[i] for i in kept], truth[kept]
    root = _root(new, data)
    return compare_answers(
        (old.name, new.name),
        labels,
        truth,
        (_answers(old, root, files, truth, labels), _answers(new, root, files, truth, labels)),
        _unknown(old, new, labels, truth),
    )


def _answers(
    candidate: Candidate, root: Path, paths: Sequence[Path], truth: ClassIds, labels: tuple[str, ...]
) -> ClassIds:
    """Returns a classifier's answer for each photo, (N,) int64 as positions in `labels`."""
    if isinstance(candidate.model, store.StoredModel):
        pixels = load_pixels(root / "measured", paths, candidate.card.input)[1]
        photos = Photos(pixels, np.arange(len(paths)), tuple(paths), truth)
        scores = predict(load_network(candidate.model), photos)
    else:
        scores = evaluate_model(candidate.model, paths, truth).scores
    return np.asarray(_places(candidate.card, labels)[scores.argmax(axis=1)])


def _compare_detectors(old: Candidate, new: Candidate, data: Path | None) -> ModelComparison:
    labels = _all_labels(old, new)
    _, paths, truth = photos_with_truth(new.card, data, labels)
    kept = not_learnt(old.card, new.card, old.name, _root(new, data), paths)
    files, true = [paths[i] for i in kept], [truth[i] for i in kept]
    root = _root(new, data)
    classes = np.concatenate([one.class_id[~one.ignore] for one in true])
    return compare_boxes(
        (old.name, new.name),
        labels,
        true,
        (_boxes(old, root, files, true, labels), _boxes(new, root, files, true, labels)),
        _unknown(old, new, labels, classes),
    )


def _boxes(
    candidate: Candidate, root: Path, paths: Sequence[Path], truth: Sequence[Truth], labels: tuple[str, ...]
) -> list[Found]:
    """Returns the boxes that a detector finds in each photo, with classes as positions in `labels`."""
    if isinstance(candidate.model, store.StoredModel):
        pixels = load_pixels(root / "measured", paths, candidate.card.input)[1]
        photos = BoxedPhotos(pixels, np.arange(len(paths)), tuple(paths), (), tuple(truth))
        found = find(load_keras(candidate.model), photos, judging(candidate.card))
    else:
        found = find_on_device(candidate.model, paths)
    places = _places(candidate.card, labels)
    return [Found(boxes.xyxy, boxes.score, places[boxes.class_id]) for boxes in found]


def _all_labels(old: Candidate, new: Candidate) -> tuple[str, ...]:
    """Returns the labels of both models, the new one's first, so that its class numbers stay."""
    return tuple(dict.fromkeys((*new.card.labels, *old.card.labels)))


def _places(card: ModelCard, labels: tuple[str, ...]) -> ClassIds:
    """Returns the position in `labels` of each class of a model, (C,) int64."""
    return np.array([labels.index(label) for label in card.labels], np.int64)


def _unknown(old: Candidate, new: Candidate, labels: tuple[str, ...], truth: ClassIds) -> list[str]:
    """Returns a sentence for each model that doesn't know a class that the photos show."""
    shown = {labels[i] for i in np.unique(truth).tolist()}
    notes = []
    for candidate in (old, new):
        missing = sorted(shown - set(candidate.card.labels))
        if missing:
            notes.append(f"{candidate.name} doesn't know {listed(missing, 5)}, and is wrong wherever they are shown")
    return notes


def _root(new: Candidate, data: Path | None) -> Path:
    """Returns the folder that the cached pixels of the photos belong to."""
    if data is not None:
        return data
    return Path(new.card.dataset.path if new.card.dataset else ".")
