"""Lays fetched frames out for labelling: in class folders as a classifier proposes, or with the boxes of a detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edgetl.files import friendly_os_errors
from edgetl.folders import new_folder
from edgetl.host.dataset.boxes.boxed_photo import Box, BoxedPhoto
from edgetl.host.dataset.boxes.formats import Format, module_of
from edgetl.host.dataset.list_files import PROPOSALS
from edgetl.host.deploy.collected_frame import CollectedFrame
from edgetl.text import folder_name

NO_PROPOSAL = "no-proposal"
"""The folder of frames in which a classifier named no class."""

_LEAST_SIDE = 1.0
"""A box that is smaller after it was cut at the edges of its photo is left out, px; labelling tools refuse some."""


@dataclass(frozen=True, slots=True)
class FetchedFrame:
    """A fetched frame that is to be laid out.

    Attributes:
        frame: the description.
        photo: the JPEG file; it is moved.
        size_wh: the width and height of the photo, px.
    """

    frame: CollectedFrame
    photo: Path
    size_wh: tuple[int, int]


def lay_out_classes(folder: Path, fetched: Sequence[FetchedFrame]) -> list[Path]:
    """Moves photos to `proposed/CLASS/` as a classifier proposes; a photo that is there already stays.

    Args:
        folder: the folder that the frames were fetched into.
        fetched: the frames.

    Returns:
        The new place of each photo.

    Raises:
        EdgetlError: the disk is full or the folder can't be written to.
    """
    places = []
    for one in fetched:
        label = NO_PROPOSAL if one.frame.label is None else folder_name(one.frame.label)
        place = _free(folder / PROPOSALS / label / f"{one.frame.name}.jpg")
        with friendly_os_errors(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            one.photo.rename(place)
        places.append(place)
    return places


def lay_out_boxes(folder: Path, fetched: Sequence[FetchedFrame], format_: Format) -> list[Path]:
    """Moves photos with their proposed boxes into a new data set `proposed/TIME/`, which appears whole or not at all.

    Each call makes a data set of its own, so that boxes that were corrected since are never overwritten.

    Args:
        folder: the folder that the frames were fetched into.
        fetched: the frames, at least one.
        format_: the format of the annotations.

    Returns:
        The new place of each photo.

    Raises:
        EdgetlError: the disk is full or the folder can't be written to.
    """
    batch = _free(folder / PROPOSALS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    module = module_of(format_)
    names = [module.place("", f"{one.frame.name}.jpg") for one in fetched]
    with new_folder(batch) as temporary:
        photos = []
        for one, name in zip(fetched, names, strict=True):
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            one.photo.rename(path)
            photos.append(BoxedPhoto(path, "", _within(one.frame.boxes or (), one.size_wh), one.size_wh, ""))
        module.write(temporary, photos)
    return [batch / name for name in names]


def _within(boxes: Sequence[Box], size_wh: tuple[int, int]) -> tuple[Box, ...]:
    """Returns the boxes cut at the edges of their photo, without those of which nothing is left."""
    width, height = size_wh
    cut = []
    for box in boxes:
        x1, y1, x2, y2 = box.xyxy
        xyxy = (max(0.0, x1), max(0.0, y1), min(float(width), x2), min(float(height), y2))
        if xyxy[2] - xyxy[0] >= _LEAST_SIDE and xyxy[3] - xyxy[1] >= _LEAST_SIDE:
            cut.append(Box(box.label, xyxy))
    return tuple(cut)


def _free(path: Path) -> Path:
    """Returns the path, or if something is there one with a number, as `photo-2.jpg`."""
    free, number = path, 2
    while free.exists() or free.is_symlink():
        free, number = path.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
    return free
