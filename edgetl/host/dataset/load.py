"""Loads class folders as arrays to train a classifier on."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.card import DatasetInfo, InputSpec
from edgetl.errors import DatasetError
from edgetl.host.dataset.cache import load_pixels
from edgetl.host.dataset.check_folders import FolderReport, report_folders
from edgetl.host.dataset.duplicates import duplicate_groups
from edgetl.host.dataset.folders import Sample, read_folders
from edgetl.host.dataset.photo_set import PhotoSet
from edgetl.host.dataset.photos import Record, fingerprint, read_records
from edgetl.host.dataset.split import split
from edgetl.text import counted, listed

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Photos(PhotoSet):
    """N labelled photos.

    Attributes:
        pixels: the pixels of all M photos of the data set, (M, height, width, 3) uint8, memory-mapped.
        rows: the positions of these photos in `pixels`, (N,) int64.
        paths: the N photo files.
        classes: the class of each photo, (N,) int64.
    """

    classes: NDArray[np.int64]

    def subset(self, positions: NDArray[np.int64]) -> Photos:
        """Returns some of the photos.

        Args:
            positions: the positions of the photos, (M,) int64 in 0..N-1.
        """
        files = tuple(self.paths[i] for i in positions.tolist())
        return Photos(self.pixels, self.rows[positions], files, self.classes[positions])


@dataclass(frozen=True, slots=True)
class Dataset:
    """Class folders, loaded to train a classifier on.

    Attributes:
        labels: the names of the classes, in alphabetical order.
        train: the training photos.
        val: the validation photos.
        info: the description of the data set for the model card.
        report: the result of `edgetl data check`.
    """

    labels: tuple[str, ...]
    train: Photos
    val: Photos
    info: DatasetInfo
    report: FolderReport


def load_dataset(
    root: Path, spec: InputSpec, *, val_fraction: float = 0.2, seed: int = 0, strict: bool = False
) -> Dataset:
    """Loads class folders; photos that were read before come from the cache.

    Args:
        root: the folder of class folders, flat or with `train/` and `val/`.
        spec: the model's input.
        val_fraction: the share of each class for validation if the folder has no `val/`, 0..1.
        seed: the seed of that split.
        strict: whether a photo that can't be read is an error.

    Raises:
        DatasetError: the data set can't be trained on; the message says why.
    """
    found = read_folders(root)
    samples = found.samples
    records, pixels = load_pixels(root, [sample.path for sample in samples], spec)
    report = report_folders(root, found, records)
    if strict:
        report.require_readable()
    report.require_usable()
    readable = np.array([i for i, record in enumerate(records) if not record.error], np.int64)
    labels = tuple(sorted({sample.label for sample in samples}))
    index = {label: i for i, label in enumerate(labels)}
    classes = np.array([index[samples[i].label] for i in readable], np.int64)
    train, val = _sides([samples[i] for i in readable], [records[i] for i in readable], classes, val_fraction, seed)
    _require_all(labels, classes[train], classes[val], root)
    train_photos, val_photos = (
        Photos(pixels, readable[side], tuple(samples[i].path for i in readable[side]), classes[side])
        for side in (train, val)
    )
    content = fingerprint(f"{record.digest} {s.label}" for s, record in zip(samples, records, strict=True))
    validation = fingerprint(records[i].digest for i in readable[val].tolist())
    info = DatasetInfo(str(root.absolute()), content, len(train), len(val), seed, val_fraction, validation)
    return Dataset(labels, train_photos, val_photos, info, report)


def load_labelled(root: Path, labels: tuple[str, ...]) -> tuple[list[Path], NDArray[np.int64]]:
    """Lists the photos to evaluate a classifier on: those of `test/`, else of `val/`, else all photos.

    Args:
        root: the folder of class folders.
        labels: the model's labels; each class folder must have the name of one of them.

    Returns:
        The N readable photo files, and their classes, (N,) int64 as positions in `labels`.

    Raises:
        DatasetError: there are no photos, or the model does not know a class.
    """
    found = read_folders(root)
    samples = found.samples
    parts = {sample.part for sample in samples}
    part = next(p for p in ("test", "val", "train", "") if p in parts)
    samples = [sample for sample in samples if sample.part == part]
    index = {unicodedata.normalize("NFC", label): i for i, label in enumerate(labels)}
    unknown = sorted({sample.label for sample in samples} - index.keys())
    if unknown:
        what = f"the model doesn't know the classes {listed(unknown, 5)}"
        remedy = f"name the class folders as its labels: {listed(labels, 5)}"
        raise DatasetError(what, where=str(root), remedy=remedy)
    records = read_records(root, [sample.path for sample in samples])
    unreadable = [(sample.path, record.error) for sample, record in zip(samples, records, strict=True) if record.error]
    readable = [sample for sample, record in zip(samples, records, strict=True) if not record.error]
    if unreadable:
        path, reason = unreadable[0]
        found.notes.append(f"{counted(len(unreadable), 'unreadable file')} left out; the first, {path.name}, {reason}")
    for note in found.notes:
        logger.warning("%s", note)
    if not readable:
        remedy = f"find the reasons with `edgetl data check {root}`"
        raise DatasetError("none of the photos can be read", where=str(root), remedy=remedy)
    return [sample.path for sample in readable], np.array([index[sample.label] for sample in readable], np.int64)


def _sides(
    samples: Sequence[Sample],
    records: Sequence[Record],
    classes: NDArray[np.int64],
    fraction: float,
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the positions to train on and to validate on: the data set's own split, or a new one if it has no val."""
    parts = np.array([sample.part for sample in samples])
    if (parts == "val").any():
        return np.flatnonzero(parts == "train"), np.flatnonzero(parts == "val")
    usable = np.flatnonzero(parts != "test")
    groups = duplicate_groups([records[i] for i in usable.tolist()])
    train, val = split(classes[usable], groups, fraction, seed)
    return usable[train], usable[val]


def _require_all(labels: Sequence[str], train: NDArray[np.int64], val: NDArray[np.int64], root: Path) -> None:
    for name, present in (("train", train), ("validate", val)):
        missing = [label for i, label in enumerate(labels) if not (present == i).any()]
        if missing:
            what = f"no photos to {name} on for: {listed(missing, 10)}"
            remedy = "add photos that aren't copies of each other or of another class's photos"
            raise DatasetError(what, where=str(root), remedy=remedy)
