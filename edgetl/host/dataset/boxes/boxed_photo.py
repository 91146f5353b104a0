"""A photo with its boxes, and what the annotation files of a data set say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgetl.host.dataset.parts import Part


@dataclass(frozen=True, slots=True)
class Box:
    """One thing in a photo.

    Attributes:
        label: its class.
        xyxy: left, top, right, bottom in px of the annotated photo, as edges: right - left is the width.
        difficult: hard to recognise, as Pascal VOC marks it.
        crowd: stands for many, as COCO marks it.
    """

    label: str
    xyxy: tuple[float, float, float, float]
    difficult: bool = False
    crowd: bool = False

    @property
    def ignored(self) -> bool:
        """Whether it is neither trained on nor counted, found or not."""
        return self.difficult or self.crowd


@dataclass(frozen=True, slots=True)
class BoxedPhoto:
    """A photo and what an annotation says of it.

    Attributes:
        path: the photo file.
        part: of the data set's own split; empty where it has none.
        boxes: none for a photo of the background alone.
        size_wh: width and height in px as the annotation says; None where it doesn't.
        source: the annotation's file, with its line where that helps, for messages.
    """

    path: Path
    part: Part
    boxes: tuple[Box, ...]
    size_wh: tuple[int, int] | None
    source: str


@dataclass(frozen=True, slots=True)
class Annotations:
    """What the files of one format say.

    Attributes:
        photos: that are there, in any order.
        missing: `annotation file: photo` of those that aren't.
        notes: what the reader should be told.
    """

    photos: list[BoxedPhoto]
    missing: list[str]
    notes: list[str]
