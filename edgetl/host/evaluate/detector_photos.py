"""Chooses the photos with boxes that a detector is evaluated on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from edgetl.card import ModelCard
from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.boxed_photo import BoxedPhoto
from edgetl.host.dataset.boxes.load import BoxedPhotos, truth_of
from edgetl.host.dataset.boxes.mend import mend
from edgetl.host.dataset.boxes.read import is_boxed, read_boxed
from edgetl.host.dataset.boxes.truth import Truth
from edgetl.host.dataset.photos import read_records
from edgetl.host.dataset.split_parts import Part
from edgetl.host.networks.stored import boxed_dataset_of, warn_of_learnt_photos
from edgetl.text import counted

Side = Literal["test", "validation", "all"]
"""The part of a data set that photos are from."""

_SIDES: tuple[tuple[Part, Side], ...] = (("test", "test"), ("val", "validation"))
"""The parts of a split to evaluate on, the preferred one first, and their names in a result."""


def photos_with_truth(
    card: ModelCard, data: Path | None, labels: Sequence[str]
) -> tuple[Side, tuple[Path, ...], tuple[Truth, ...]]:
    """Returns the photos to evaluate a detector on, with their true boxes.

    Args:
        card: the detector's card.
        data: the folder of photos with boxes; None takes the validation split of the training.
        labels: the names of the classes that may occur, the detector's own first.

    Returns:
        The part of the data set, the N photo files, and the true boxes of each, with classes as positions in `labels`.

    Raises:
        DatasetError: the photos can't be used, or have a class that is not among the labels.
    """
    side, photos = find_photos(card, data, labels)
    if isinstance(photos, BoxedPhotos):
        return side, tuple(photos.paths), photos.truth
    truth, paths = truths(labels, photos)
    return side, paths, truth


def find_photos(
    card: ModelCard, data: Path | None, labels: Sequence[str]
) -> tuple[Side, BoxedPhotos | list[BoxedPhoto]]:
    """Returns the photos to evaluate a detector on; with pixels only if they belong to the training's data set.

    Args:
        card: the detector's card.
        data: the folder of photos with boxes; None takes the validation split of the training.
        labels: the names of the classes that may occur, the detector's own first.

    Raises:
        DatasetError: the photos can't be used, or have a class that is not among the labels.
    """
    if data is None:
        return "validation", boxed_dataset_of(card).val
    if data.is_dir() and not is_boxed(data):
        what = f"no boxes are annotated here, but {card.name} is a detector"
        raise DatasetError(what, where=str(data), remedy="give photos with Pascal VOC, COCO, YOLO or CSV annotations")
    photos = read_boxed(data).photos
    parts = {photo.part for photo in photos}
    validation = None if parts & {"test", "val"} else _validation_split(card, data, len(photos))
    if validation:
        return "validation", validation
    for part, side in _SIDES:
        if part in parts:
            return side, _clean(labels, data, [photo for photo in photos if photo.part == part])
    return "all", _clean(labels, data, photos)


def _validation_split(card: ModelCard, data: Path, count: int) -> BoxedPhotos | None:
    """Returns the validation split if `data` holds the `count` photos that the model was trained on; else None.

    The training photos must be left out, because a model recognises them better than new ones.
    """
    # The count rules out most other data sets without decoding their photos.
    if card.dataset is None or count < card.dataset.train + card.dataset.val:
        return None
    try:
        return boxed_dataset_of(card, str(data)).val
    except DatasetError:
        warn_of_learnt_photos(card)
        return None


def _clean(labels: Sequence[str], data: Path, photos: Sequence[BoxedPhoto]) -> list[BoxedPhoto]:
    """Returns the readable photos with clean boxes of classes that the model knows."""
    clean = mend(data, photos, read_records(data, [photo.path for photo in photos])).photos
    there = {box.label for photo in clean for box in photo.boxes if not box.ignored}
    if not there:
        what = f"no photo to evaluate on can be read and has a box ({counted(len(photos), 'photo')})"
        raise DatasetError(what, where=str(data), remedy=f"find the reasons with `edgetl data check {data}`")
    unknown = sorted(there - set(labels))
    if unknown:
        what = f"the model doesn't know the classes {', '.join(unknown[:5])}"
        remedy = f"name the classes as its labels: {', '.join(labels[:5])} …"
        raise DatasetError(what, where=str(data), remedy=remedy)
    return clean


def truths(labels: Sequence[str], photos: Sequence[BoxedPhoto]) -> tuple[tuple[Truth, ...], tuple[Path, ...]]:
    """Returns the true boxes of each photo, with classes as positions in the labels, and the photo files."""
    return tuple(truth_of(photo, labels) for photo in photos), tuple(photo.path for photo in photos)
