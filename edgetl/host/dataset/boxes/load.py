"""Loads photos with boxes as arrays to train a detector on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.card import DatasetInfo, InputSpec
from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.boxed_photo import BoxedPhoto
from edgetl.host.dataset.boxes.check import report_boxes
from edgetl.host.dataset.boxes.read import read_boxed
from edgetl.host.dataset.boxes.report import BoxesReport
from edgetl.host.dataset.boxes.split_boxed import rarest, split_boxed
from edgetl.host.dataset.boxes.truth import Truth
from edgetl.host.dataset.cache import load_pixels
from edgetl.host.dataset.photo_set import PhotoSet
from edgetl.host.dataset.photos import Record, fingerprint
from edgetl.text import counted
from edgetl.vision.arrays import Image
from edgetl.vision.letterbox import place

_LEAST_LEFT = 0.25
"""A box is trained on if the crop of the input leaves at least this share of its area, 0..1."""


@dataclass(frozen=True, slots=True)
class BoxedPhotos(PhotoSet):
    """N photos with boxes.

    Attributes:
        pixels: the pixels of all M photos of the data set, (M, height, width, 3) uint8, memory-mapped.
        rows: the positions of these photos in `pixels`, (N,) int64.
        paths: the N photo files.
        boxes: the boxes to train on of each photo, (K, 5) float32: class and xyxy in px of the input. Difficult boxes
            and crowds are left out.
        truth: the true boxes of each photo, in px of the photo.
    """

    boxes: tuple[NDArray[np.float32], ...]
    truth: tuple[Truth, ...]

    @property
    def most_boxes(self) -> int:
        """The largest number of boxes to train on in a photo."""
        return max(map(len, self.boxes), default=0)

    @property
    def classes(self) -> NDArray[np.int64]:
        """The rarest class in each photo, (N,) int64; -1 for a photo without boxes."""
        return rarest(self.boxes)

    def picture(self, position: int) -> Image:
        """Reads the model input of one photo.

        Args:
            position: the position of the photo, 0..N-1.

        Returns:
            The input, (height, width, 3) uint8 in the model's channel order.
        """
        return np.asarray(self.pixels[self.rows[position]])

    def subset(self, positions: NDArray[np.int64]) -> BoxedPhotos:
        """Returns some of the photos.

        Args:
            positions: the positions of the photos, (M,) int64 in 0..N-1.
        """
        picked = positions.tolist()
        files, boxes = tuple(self.paths[i] for i in picked), tuple(self.boxes[i] for i in picked)
        return BoxedPhotos(self.pixels, self.rows[positions], files, boxes, tuple(self.truth[i] for i in picked))


@dataclass(frozen=True, slots=True)
class BoxedDataset:
    """A detection data set, loaded to train a detector on.

    Attributes:
        labels: the names of the classes, in alphabetical order.
        train: the training photos.
        val: the validation photos.
        test: the test photos; empty if the data set has none.
        info: the description of the data set for the model card.
        report: the result of `edgetl data check`.
    """

    labels: tuple[str, ...]
    train: BoxedPhotos
    val: BoxedPhotos
    test: BoxedPhotos
    info: DatasetInfo
    report: BoxesReport


def load_boxed(
    root: Path, spec: InputSpec, *, val_fraction: float = 0.2, seed: int = 0, strict: bool = False
) -> BoxedDataset:
    """Loads a detection data set; photos that were read before come from the cache.

    Args:
        root: the folder of photos and annotations; see `edgetl.host.dataset.boxes.read.read_boxed`.
        spec: the model's input.
        val_fraction: the share of the training photos for validation if the folder has no `val/`, 0..1.
        seed: the seed of that split.
        strict: whether a photo that can't be read is an error.

    Raises:
        DatasetError: the data set can't be trained on; the message says why.
    """
    found = read_boxed(root)
    paths = [photo.path for photo in found.photos]
    records, pixels = load_pixels(root, paths, spec)
    checked = report_boxes(root, found, records)
    if strict:
        checked.report.require_readable()
    checked.report.require_usable()
    labels = tuple(sorted({box.label for photo in checked.photos for box in photo.boxes if not box.ignored}))
    row_of = {path: row for row, path in enumerate(paths)}
    rows = np.array([row_of[photo.path] for photo in checked.photos], np.int64)
    boxes = [boxes_of(photo, labels, spec) for photo in checked.photos]
    checked.report.warnings.extend(_cut_off(checked.photos, boxes, labels))
    sides = []
    for chosen in split_boxed(checked.photos, checked.records, boxes, val_fraction, seed):
        picked = chosen.tolist()
        truth = tuple(truth_of(checked.photos[i], labels) for i in picked)
        files = tuple(checked.photos[i].path for i in picked)
        sides.append(BoxedPhotos(pixels, rows[chosen], files, tuple(boxes[i] for i in picked), truth))
    train, val, test = sides
    _require(train, val, root)
    info = DatasetInfo(
        path=str(root.absolute()),
        fingerprint=fingerprint(map(_content, checked.photos, checked.records)),
        train=len(train),
        val=len(val),
        seed=seed,
        val_fraction=val_fraction,
        split=fingerprint(records[row].digest for row in val.rows.tolist()),
    )
    return BoxedDataset(labels, train, val, test, info, checked.report)


def boxes_of(photo: BoxedPhoto, labels: Sequence[str], spec: InputSpec) -> NDArray[np.float32]:
    """Returns the boxes of a photo to train on.

    Args:
        photo: the photo with clean boxes.
        labels: the names of the classes.
        spec: the model's input.

    Returns:
        (K, 5) float32: class and xyxy in px of the input; without ignored boxes and those that the input cuts off.
    """
    counted_boxes = [box for box in photo.boxes if not box.ignored]
    width, height = photo.size_wh or (spec.width, spec.height)
    xyxy = place(height, width, spec).to_input(np.array([box.xyxy for box in counted_boxes], np.float32).reshape(-1, 4))
    seen = np.clip(xyxy, 0, (spec.width, spec.height) * 2)
    classes = np.array([labels.index(box.label) for box in counted_boxes], np.float32)
    return np.column_stack([classes, seen])[_area(seen) >= _LEAST_LEFT * _area(xyxy)].astype(np.float32)


def _cut_off(
    photos: Sequence[BoxedPhoto], boxes: Sequence[NDArray[np.float32]], labels: Sequence[str]
) -> Iterator[str]:
    """Yields a warning if boxes lie outside the cropped input."""
    before = Counter(labels.index(box.label) for photo in photos for box in photo.boxes if not box.ignored)
    after = Counter(int(c) for rows in boxes for c in rows[:, 0])
    if lost := before.total() - after.total():
        gone = [labels[c] for c in before if not after[c]]
        every = f", among them all of: {', '.join(gone)}" if gone else ""
        yield f"the input leaves out {counted(lost, 'box', 'boxes')} at the edges of photos{every}"


def _area(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    sides: NDArray[np.float32] = xyxy[:, 2:] - xyxy[:, :2]
    return np.asarray(sides[:, 0] * sides[:, 1])


def truth_of(photo: BoxedPhoto, labels: Sequence[str]) -> Truth:
    """Returns the true boxes of a photo with clean boxes, in px of the photo.

    Args:
        photo: the photo with clean boxes.
        labels: the names of the classes.
    """
    boxes = [box for box in photo.boxes if box.label in labels]  # all boxes of other classes are ignored
    return Truth(
        xyxy=np.array([box.xyxy for box in boxes], np.float32).reshape(-1, 4),
        class_id=np.array([labels.index(box.label) for box in boxes], np.int64),
        ignore=np.array([box.ignored for box in boxes], np.bool_),
        size_wh=photo.size_wh or (0, 0),
    )


def _require(train: BoxedPhotos, val: BoxedPhotos, root: Path) -> None:
    for name, side in (("train", train), ("validate", val)):
        if not side.most_boxes:
            what = f"there are no photos with boxes to {name} on"
            remedy = "annotate more photos of each class, and none that are copies of each other"
            raise DatasetError(what, where=str(root), remedy=remedy)


def _content(photo: BoxedPhoto, record: Record) -> str:
    boxes = sorted((box.label, box.xyxy, box.difficult, box.crowd) for box in photo.boxes)
    return f"{record.digest} {boxes}"
