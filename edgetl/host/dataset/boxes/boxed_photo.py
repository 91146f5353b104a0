"""A photo with its boxes, and the content of a data set's annotation files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from edgetl.host.dataset.split_parts import Part


@dataclass(frozen=True, slots=True)
class Box:
    """One annotated thing in a photo.

    Attributes:
        label: the name of its class.
        xyxy: left, top, right and bottom edge in px of the annotated photo; right - left is the width.
        difficult: whether Pascal VOC marks it as hard to recognise.
        crowd: whether COCO marks it as a group of things.
    """

    label: str
    xyxy: tuple[float, float, float, float]
    difficult: bool = False
    crowd: bool = False

    @property
    def ignored(self) -> bool:
        """Whether the box is left out of training, and is neither right nor wrong when it is found."""
        return self.difficult or self.crowd

    @property
    def size_wh(self) -> tuple[float, float]:
        """Width and height, px; negative if the edges are swapped."""
        x1, y1, x2, y2 = self.xyxy
        return x2 - x1, y2 - y1

    @property
    def area(self) -> float:
        """Area, px²; 0 if an edge pair is swapped."""
        width, height = self.size_wh
        return max(0.0, width) * max(0.0, height)


@dataclass(frozen=True, slots=True)
class BoxedPhoto:
    """A photo and its annotation.

    Attributes:
        path: the photo file.
        part: the part of the data set's own split; empty if it has none.
        boxes: the boxes; empty for a photo of the background alone.
        size_wh: width and height that the annotation gives, px; None if it gives none.
        source: the annotation file, with a line number if it has one line a box; used in messages.
    """

    path: Path
    part: Part
    boxes: tuple[Box, ...]
    size_wh: tuple[int, int] | None
    source: str


@dataclass(frozen=True, slots=True)
class Annotations:
    """The content of a data set's annotation files.

    Attributes:
        photos: the annotated photos that exist, in any order.
        missing: the annotated photos that don't exist, each as `annotation file: photo`.
        notes: sentences for the user about what was left out or assumed.
    """

    photos: list[BoxedPhoto] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
