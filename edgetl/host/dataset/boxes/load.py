"""A folder of photos with boxes to arrays that a detector can be trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.card import DatasetInfo, InputSpec
from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes import BoxedPhoto, read_boxed
from edgetl.host.dataset.boxes.check import BoxesReport, report_boxes
from edgetl.host.dataset.boxes.truth import Truth
from edgetl.host.dataset.cache import load_pixels
from edgetl.host.dataset.check import require_open
from edgetl.host.dataset.duplicates import duplicate_groups
from edgetl.host.dataset.photos import Record, fingerprint
from edgetl.host.dataset.split import split
from edgetl.vision.arrays import Image
from edgetl.vision.letterbox import place

_LEAST_LEFT = 0.25
"""Of a box's area: what `crop` leaves less of is not trained on."""


@dataclass(frozen=True, slots=True)
class BoxedPhotos:
    """One side of a detection set.

    Attributes:
        pixels: (M, height, width, 3) uint8, memory-mapped; all of the data set's photos.
        rows: (N,) the positions of these photos in `pixels`.
        boxes: of each photo (K, 5) float32: class and xyxy in input px; without difficult ones and crowds.
        truth: of each photo, in px of the photo.
        paths: N files.
    """

    pixels: Image
    rows: NDArray[np.int64]
    boxes: tuple[NDArray[np.float32], ...]
    truth: tuple[Truth, ...]
    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def most_boxes(self) -> int:
        """The largest number of boxes in a photo."""
        return max(map(len, self.boxes), default=0)

    @property
    def classes(self) -> NDArray[np.int64]:
        """(N,) each photo's class that the fewest boxes have; -1 where it shows background alone."""
        return rarest(self.boxes)

    def picture(self, position: int) -> Image:
        """Reads the model input at a position, (height, width, 3) uint8."""
        return np.asarray(self.pixels[self.rows[position]])

    def batch(self, positions: NDArray[np.int64] | slice) -> Image:
        """Reads the model inputs at some positions, (B, height, width, 3) uint8."""
        return np.asarray(self.pixels[self.rows[positions]])


@dataclass(frozen=True, slots=True)
class BoxedDataset:
    """Photos with boxes, ready to train on.

    Attributes:
        labels: the classes, in alphabetical order.
        train: to learn from.
        val: to judge by.
        test: to measure with once everything is chosen; empty where the data set has none.
        info: for the card.
        report: what `edgetl data check` says.
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
    """Reads a detection set, from the cache where its photos have been read before.

    Args:
        root: see `edgetl.host.dataset.boxes.read_boxed`.
        spec: of the model's input.
        val_fraction: share of the training photos held back where the folder has no `val/`.
        seed: of that split.
        strict: make a photo that doesn't open an error.

    Raises:
        DatasetError: it can't be trained on; the message says why.
    """
    found = read_boxed(root)
    paths = [photo.path for photo in found.photos]
    records, pixels = load_pixels(root, paths, spec)
    checked = report_boxes(root, found, records)
    if strict:
        require_open(checked.report.unreadable, root)
    checked.report.require_usable()
    labels = tuple(sorted({box.label for photo in checked.photos for box in photo.boxes if not box.ignored}))
    row_of = {path: row for row, path in enumerate(paths)}
    rows = np.array([row_of[photo.path] for photo in checked.photos], np.int64)
    boxes = [boxes_of(photo, labels, spec) for photo in checked.photos]
    checked.report.warnings.extend(_cut_off(checked.photos, boxes, labels))
    sides = []
    for chosen in _sides(checked.photos, checked.records, boxes, val_fraction, seed):
        picked = chosen.tolist()
        truth = tuple(truth_of(checked.photos[i], labels) for i in picked)
        files = tuple(checked.photos[i].path for i in picked)
        sides.append(BoxedPhotos(pixels, rows[chosen], tuple(boxes[i] for i in picked), truth, files))
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


def rarest(boxes: Sequence[NDArray[np.float32]]) -> NDArray[np.int64]:
    """Returns of each photo the class that the fewest of all boxes have; -1 where it has no box."""
    counts = Counter(int(c) for rows in boxes for c in rows[:, 0])
    found = [min((int(c) for c in rows[:, 0]), key=lambda c: (counts[c], c), default=-1) for rows in boxes]
    return np.array(found, np.int64)


def boxes_of(photo: BoxedPhoto, labels: Sequence[str], spec: InputSpec) -> NDArray[np.float32]:
    """Returns a clean photo's boxes to train on, (K, 5): class and xyxy in input px; see `BoxedPhotos`."""
    wanted = [box for box in photo.boxes if not box.ignored]
    width, height = photo.size_wh or (spec.width, spec.height)
    xyxy = place(height, width, spec).to_input(np.array([box.xyxy for box in wanted], np.float32).reshape(-1, 4))
    seen = np.clip(xyxy, 0, (spec.width, spec.height) * 2)
    classes = np.array([labels.index(box.label) for box in wanted], np.float32)
    return np.column_stack([classes, seen])[_area(seen) >= _LEAST_LEFT * _area(xyxy)].astype(np.float32)


def _cut_off(
    photos: Sequence[BoxedPhoto], boxes: Sequence[NDArray[np.float32]], labels: Sequence[str]
) -> Iterator[str]:
    """Says which boxes lie where a cropped input doesn't reach."""
    before = Counter(labels.index(box.label) for photo in photos for box in photo.boxes if not box.ignored)
    after = Counter(int(c) for rows in boxes for c in rows[:, 0])
    if lost := before.total() - after.total():
        gone = [labels[c] for c in before if not after[c]]
        yield f"{lost} boxes are cut off with the photos' edges" + (f", all of: {', '.join(gone)}" if gone else "")


def _area(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    sides: NDArray[np.float32] = xyxy[:, 2:] - xyxy[:, :2]
    return np.asarray(sides[:, 0] * sides[:, 1])


def truth_of(photo: BoxedPhoto, labels: Sequence[str]) -> Truth:
    """Returns a clean photo's true boxes in its own px."""
    boxes = [box for box in photo.boxes if box.label in labels]  # others are nowhere but ignored
    return Truth(
        xyxy=np.array([box.xyxy for box in boxes], np.float32).reshape(-1, 4),
        class_id=np.array([labels.index(box.label) for box in boxes], np.int64),
        ignore=np.array([box.ignored for box in boxes], np.bool_),
        size_wh=photo.size_wh or (0, 0),
    )


def _sides(
    photos: Sequence[BoxedPhoto],
    records: Sequence[Record],
    boxes: Sequence[NDArray[np.float32]],
    fraction: float,
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Positions to train on, to validate and to test with: the data set's own split; a val of ours where it has none.

    `test` is never touched by it: nothing may be chosen by what measures in the end.
    """
    parts = np.array([photo.part for photo in photos])
    test = np.flatnonzero(parts == "test")
    if (parts == "val").any():
        return np.flatnonzero(parts == "train"), np.flatnonzero(parts == "val"), test
    usable = np.flatnonzero(parts != "test")
    seen = [boxes[i] for i in usable.tolist()]
    groups = duplicate_groups([records[i] for i in usable.tolist()])
    _, val = split(rarest(seen) + 1, groups, fraction, seed)
    val = _with_trained_classes(val, seen, groups)
    return np.setdiff1d(usable, usable[val]), usable[val], test


def _with_trained_classes(
    val: NDArray[np.int64], boxes: Sequence[NDArray[np.float32]], groups: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Gives back to training the photos to validate with that hold a class which it would have none of.

    The split holds a class's photos apart only where it is the rarest in them.
    """
    held = set(val.tolist())
    trained = {c for i, rows in enumerate(boxes) if i not in held for c in rows[:, 0].tolist()}
    lost = [groups[i] for i in val.tolist() if not trained.issuperset(boxes[i][:, 0].tolist())]
    return val[~np.isin(groups[val], lost)]


def _require(train: BoxedPhotos, val: BoxedPhotos, root: Path) -> None:
    for name, side in (("train", train), ("validate", val)):
        if not side.most_boxes:
            what = f"there are no photos with boxes to {name} on"
            remedy = "annotate more photos, and none that are copies of each other"
            raise DatasetError(what, where=str(root), remedy=remedy)


def _content(photo: BoxedPhoto, record: Record) -> str:
    boxes = sorted((box.label, box.xyxy, box.difficult, box.crowd) for box in photo.boxes)
    return f"{record.digest} {boxes}"
