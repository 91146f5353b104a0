"""How right a model is; of a classifier: top-1, confusion, precision and recall by class."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl import store
from edgetl.card import ModelCard
from edgetl.device.inference.model import Model
from edgetl.errors import DatasetError, ModelError
from edgetl.host.console import track
from edgetl.host.dataset.boxes import is_boxed
from edgetl.host.dataset.cache import load_pixels
from edgetl.host.dataset.folders import read_folders
from edgetl.host.dataset.load import Photos, load_labelled
from edgetl.host.evaluate.detector import known
from edgetl.host.networks.stored import dataset_of, load_network, predict, warn_of_learnt_photos
from edgetl.vision.photo import read_photo

_MOST_ROWS = 50


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A classifier's scores on labelled photos.

    Attributes:
        labels: the C classes' names.
        truth: (N,) int64, the right class.
        scores: (N, C) float32, 0..1.
    """

    labels: tuple[str, ...]
    truth: NDArray[np.int64]
    scores: NDArray[np.float32]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(N,) int64, the best class of each photo."""
        return np.asarray(self.scores.argmax(axis=1), np.int64)

    @property
    def top1(self) -> float:
        """Share of photos whose best class is right, 0..1."""
        return float((self.predicted == self.truth).mean())

    @property
    def confusion(self) -> NDArray[np.int64]:
        """(C, C) int64 counts; rows are the truth, columns what was said."""
        size = len(self.labels)
        counts: NDArray[np.int64] = np.bincount(self.truth * size + self.predicted, minlength=size * size)
        return np.asarray(counts.reshape(size, size), np.int64)

    @property
    def recall(self) -> NDArray[np.float64]:
        """(C,) share of each class's photos that were found; NaN where there are none."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(axis=1))

    @property
    def precision(self) -> NDArray[np.float64]:
        """(C,) share of right ones among what was called so; NaN where nothing was."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(axis=0))


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(part / whole, np.float64)


def evaluate_stored(stored: store.StoredModel, data: Path | None) -> Evaluation:
    """Measures a classifier of the store, see `edgetl.host.evaluate.job.evaluate`."""
    card = stored.card
    photos = dataset_of(card).val if data is None else _held_back(card, data) or _decoded(card, data)
    return Evaluation(card.labels, photos.classes, predict(load_network(stored), photos))


def evaluate_opened(model: Model, data: Path | None) -> Evaluation:
    """Measures an opened classifier, see `edgetl.host.evaluate.job.evaluate`."""
    return evaluate_model(model, *_labelled(model.card, data))


def _decoded(card: ModelCard, data: Path) -> Photos:
    paths, classes = load_labelled(data, card.labels)
    # Under a name of its own in the cache, so that the pixels of a training on the same folder stay.
    pixels = load_pixels(data / "measured", paths, card.input)[1]
    return Photos(pixels, np.arange(len(paths)), classes, tuple(paths))


def _labelled(card: ModelCard, data: Path | None) -> tuple[Sequence[Path], NDArray[np.int64]]:
    if data is None:
        val = dataset_of(card).val
        return val.paths, val.classes
    held = _held_back(card, data)
    return (held.paths, held.classes) if held else load_labelled(data, card.labels)


def _held_back(card: ModelCard, data: Path) -> Photos | None:
    """The validation split of the photos that the model was trained on; None where `data` is not those, or has parts.

    All of them would measure how well the training was learnt by heart.
    """
    if is_boxed(data):
        what = f"the photos have boxes, but {card.name} is a classifier"
        raise DatasetError(what, where=str(data), remedy="give photos in folders named as its classes")
    info, samples = card.dataset, read_folders(data).samples
    labels, parts = {sample.label for sample in samples}, {sample.part for sample in samples}
    # What can't be the same photos is told by its names alone: decoding takes long.
    if info is None or parts & {"test", "val"} or labels != set(card.labels) or len(samples) < info.train + info.val:
        return None
    try:
        return dataset_of(card, str(data)).val
    except DatasetError:
        warn_of_learnt_photos(card)
        return None


def evaluate_model(model: Model, photos: Sequence[Path], truth: NDArray[np.int64]) -> Evaluation:
    """Runs photo files through the device's own code.

    Args:
        model: an opened model.
        photos: N photo files.
        truth: (N,) right classes, columns of the model's output.

    Raises:
        PhotoError: a photo can't be opened.
        ModelError: a score is no finite number.
    """
    rows = track(photos, "Evaluating", len(photos))
    scores = np.stack([model.scores(read_photo(path, model.card.input)).copy() for path in rows])
    bad = int((~np.isfinite(scores)).any(axis=1).sum())
    if bad:
        what = f"the model's scores are no finite numbers on {bad} of {len(photos)} photos"
        raise ModelError(what, where=model.card.name, remedy="convert the model again; its weights may be damaged")
    return Evaluation(model.card.labels, truth, scores)


def describe(result: Evaluation, *, as_json: bool = False) -> str:
    """Returns the figures as a table for people, or as JSON."""
    rows = list(zip(result.labels, result.confusion.sum(axis=1).tolist(), result.precision, result.recall, strict=True))
    rows = [row for row in rows if row[1]]
    if as_json:
        classes = {
            label: {
                "photos": count,
                "precision": None if np.isnan(p) else round(float(p), 4),
                "recall": round(float(r), 4),
            }
            for label, count, p, r in rows
        }
        return json.dumps({"photos": len(result.truth), "top1": round(result.top1, 4), "classes": classes}, indent=2)
    lines = [f"top-1 {result.top1:.4f} on {len(result.truth)} photos"]
    if len(rows) <= _MOST_ROWS:
        width = max(len(label) for label, *_ in rows)
        lines += [
            f"  {label:<{width}}  {n:>5} photos  precision {known(p)}  recall {known(r)}" for label, n, p, r in rows
        ]
    return "\n".join(lines)
