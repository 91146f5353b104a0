"""A folder of labelled photos to arrays that a training can read."""

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
from edgetl.host.dataset.check import Report, report_on, require_open
from edgetl.host.dataset.duplicates import duplicate_groups
from edgetl.host.dataset.folders import Sample, read_folders
from edgetl.host.dataset.photos import Record, fingerprint, inspect
from edgetl.host.dataset.split import split
from edgetl.text import listed
from edgetl.vision.arrays import Image

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Photos:
    """One side of a data set.

    Attributes:
        pixels: (M, height, width, 3) uint8, memory-mapped; all of the data set's photos.
        rows: (N,) the positions of these photos in `pixels`.
        classes: (N,) int64.
        paths: N files.
    """

    pixels: Image
    rows: NDArray[np.int64]
    classes: NDArray[np.int64]
    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, positions: NDArray[np.int64] | slice) -> Image:
        """Reads the model inputs at some positions, (B, height, width, 3) uint8."""
        return np.asarray(self.pixels[self.rows[positions]])


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled photos, ready to train on.

    Attributes:
        labels: the classes, in alphabetical order.
        train: to learn from.
        val: to judge by.
        info: for the card.
        report: what `edgetl data check` says.
    """

    labels: tuple[str, ...]
    train: Photos
    val: Photos
    info: DatasetInfo
    report: Report


def load_dataset(
    root: Path, spec: InputSpec, *, val_fraction: float = 0.2, seed: int = 0, strict: bool = False
) -> Dataset:
    """Reads a data set, from the cache where its photos have been read before.

    Args:
        root: class folders, flat or with `train/` and `val/`.
        spec: of the model's input.
        val_fraction: share of each class held back where the folder has no `val/`.
        seed: of that split.
        strict: make a photo that doesn't open an error.

    Raises:
        DatasetError: it can't be trained on; the message says why.
    """
    found = read_folders(root)
    samples = found.samples
    records, pixels = load_pixels(root, [sample.path for sample in samples], spec)
    report = report_on(root, found, records)
    if strict:
        require_open(report.unreadable, root)
    report.require_usable()
    good = np.array([i for i, record in enumerate(records) if not record.error], np.int64)
    labels = tuple(sorted({sample.label for sample in samples}))
    index = {label: i for i, label in enumerate(labels)}
    classes = np.array([index[samples[i].label] for i in good], np.int64)
    train, val = _sides([samples[i] for i in good], [records[i] for i in good], classes, val_fraction, seed)
    _require_all(labels, classes[train], classes[val], root)
    sides = [Photos(pixels, good[s], classes[s], tuple(samples[good[i]].path for i in s)) for s in (train, val)]
    content = fingerprint(f"{record.digest} {s.label}" for s, record in zip(samples, records, strict=True))
    held_back = fingerprint(records[i].digest for i in good[val].tolist())
    info = DatasetInfo(str(root.absolute()), content, len(train), len(val), seed, val_fraction, held_back)
    return Dataset(labels, sides[0], sides[1], info, report)


def load_labelled(root: Path, labels: tuple[str, ...]) -> tuple[list[Path], NDArray[np.int64]]:
    """Lists photos to measure a model on: a data set's `test/` or `val/` where it has one, else everything.

    Args:
        root: class folders.
        labels: of the model; every class folder must be called as one of them.

    Returns:
        N photo files that open, and (N,) their classes.

    Raises:
        DatasetError: no photos, or a class that the model doesn't know.
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
    records = inspect(root, [sample.path for sample in samples])
    bad = [(sample.path, record.error) for sample, record in zip(samples, records, strict=True) if record.error]
    good = [sample for sample, record in zip(samples, records, strict=True) if not record.error]
    if bad:
        found.notes.append(
            f"{len(bad)} files don't open and are left out; the first one, {bad[0][0].name}, {bad[0][1]}"
        )
    for note in found.notes:
        logger.warning("%s", note)
    if not good:
        raise DatasetError("none of the photos opens", where=str(root), remedy="look with `edgetl data check`")
    return [sample.path for sample in good], np.array([index[sample.label] for sample in good], np.int64)


def _sides(
    samples: Sequence[Sample],
    records: Sequence[Record],
    classes: NDArray[np.int64],
    fraction: float,
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The data set's own split; where it has none, or no validation part, one of ours."""
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
            what = f"nothing to {name} on for: {listed(missing, 10)}"
            remedy = "add photos that aren't copies of each other or of another class's"
            raise DatasetError(what, where=str(root), remedy=remedy)
