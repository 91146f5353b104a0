"""Cuts the part of a photo around a mistake of a detector or a doubtful box, and places the boxes in that picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from edgetl.card import InputSpec
from edgetl.host.evaluate.detector_mistakes import Mistake
from edgetl.host.evaluate.match_truth import shown_boxes
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation
from edgetl.host.probe.photo_review import SuspectPhoto
from edgetl.host.report.html_page import data_uri
from edgetl.vision.arrays import BoxesXyxy, Floats
from edgetl.vision.photo import PhotoError, read_photo

_WIDTH, _HEIGHT = 400, 300
"""The largest size of a picture, px; the report shows it at about this size."""
_MARGIN = 1.9
"""The shown part of the photo is this many times as large as the box, so that its surroundings are visible."""
_LEAST = 72.0
"""The shown part of the photo is at least this high, px of the photo; a smaller one can't be recognised."""
_MOST_NAMED = 5
"""If a picture has more boxes, only the box of the mistake is labelled with its name."""
_LETTER = 21
"""The height of the letters of names, px of the picture; the page's style sheet has the same number."""
_NAME_LENGTH = 16
"""A name has at most this many characters, so that it fits into the picture."""

Kind = Literal["true", "found"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A box in a picture.

    Attributes:
        kind: `true` for a true box, `found` for one that the detector found.
        strong: whether the box is the mistake.
        name: the text beside the box; may be empty.
        x: the left edge, px of the picture.
        y: the top edge, px of the picture.
        width: the width of the box, px of the picture.
        height: the height of the box, px of the picture.
        picture_wh: width and height of the picture, px.
    """

    kind: Kind
    strong: bool
    name: str
    x: float
    y: float
    width: float
    height: float
    picture_wh: tuple[int, int]

    @property
    def anchor(self) -> Literal["start", "end"]:
        """The end of the name that is at `text_x`."""
        return "start" if self.x < self.picture_wh[0] / 2 else "end"

    @property
    def text_x(self) -> float:
        """The horizontal position of that end of the name, px of the picture."""
        if self.anchor == "start":
            return max(4.0, self.x)
        return min(self.picture_wh[0] - 4.0, self.x + self.width)

    @property
    def text_y(self) -> float:
        """The baseline of the name, px of the picture: above a true box and below a found one, so that both fit."""
        above, below = self.y - 6, self.y + self.height + _LETTER
        if self.kind == "true":
            return above if above > _LETTER else max(_LETTER, self.y + _LETTER)
        bottom = self.picture_wh[1] - 6.0
        return below if below < bottom else min(bottom, self.y + self.height - 8)


@dataclass(frozen=True, slots=True)
class Scene:
    """A mistake, or a box with a doubtful label, and its surroundings.

    Attributes:
        mistake: the mistake.
        photo: the photo file.
        picture: the picture as a JPEG in a data URI; empty if the photo can no longer be read.
        width: the width of the picture, px.
        height: the height of the picture, px.
        boxes: the boxes in the picture, that of the mistake last.
    """

    mistake: Mistake
    photo: Path
    picture: str
    width: int
    height: int
    boxes: list[Drawn]


@dataclass(frozen=True, slots=True)
class _View:
    """A part of a photo as a picture.

    Attributes:
        left: the left edge of the part, px of the photo.
        top: the top edge of the part, px of the photo.
        scale: the number of px of the picture for one px of the photo.
        wh: width and height of the picture, px.
    """

    left: float
    top: float
    scale: float
    wh: tuple[int, int]

    def place(self, box: Sequence[float]) -> tuple[float, float, float, float] | None:
        """Returns a box of the photo (xyxy) as x, y, width and height in px of the picture; None if it lies outside."""
        x1, y1, x2, y2 = box
        x, y = (x1 - self.left) * self.scale, (y1 - self.top) * self.scale
        width, height = (x2 - x1) * self.scale, (y2 - y1) * self.scale
        inside = x < self.wh[0] and y < self.wh[1] and x + width > 0 and y + height > 0
        return (x, y, width, height) if inside else None


def scene(mistake: Mistake, kind: Kind, evaluation: DetectionEvaluation, photo: Path, thresholds: Floats) -> Scene:
    """Cuts out the surroundings of a mistake.

    Args:
        mistake: the mistake.
        kind: `true` if the mistake is a true box that was missed, `found` if it is a false alarm.
        evaluation: the evaluation that has the mistake.
        photo: the photo file; it is decoded here, no larger than necessary.
        thresholds: the display threshold of each class, (C,) float32, 0..1.
    """
    truth, found = evaluation.truth[mistake.photo], evaluation.found[mistake.photo]
    own = (truth if kind == "true" else found).xyxy[mistake.box]
    view = _around(own.tolist(), truth.size_wh)
    boxes: list[Drawn] = []
    for box, place in _seen(truth.xyxy, range(len(truth.xyxy)), view):
        name = _shortened(evaluation.labels[truth.class_id[box]])
        boxes.append(Drawn("true", kind == "true" and box == mistake.box, name, *place, view.wh))
    for box, place in _seen(found.xyxy, shown_boxes(found, thresholds).tolist(), view):
        name = f"{_shortened(evaluation.labels[found.class_id[box]])} {found.score[box]:.0%}"
        boxes.append(Drawn("found", kind == "found" and box == mistake.box, name, *place, view.wh))
    if len(boxes) > _MOST_NAMED:
        boxes = [box if box.strong else replace(box, name="") for box in boxes]
    picture = _cut(photo, truth.size_wh, view)
    return Scene(mistake, photo, picture, *view.wh, sorted(boxes, key=lambda box: box.strong))


def suspect_scene(suspect: SuspectPhoto, photo: Path) -> Scene:
    """Cuts out the surroundings of a box whose label is probably wrong.

    Args:
        suspect: a suspect with a box.
        photo: the photo file.
    """
    box = suspect.box or (0, 0, 0, 0)
    mistake = Mistake(0, 0, suspect.label, f"looks like {suspect.looks_like}", 0.0)
    try:
        height, width = read_photo(photo).shape[:2]
    except PhotoError:
        return Scene(mistake, photo, "", 0, 0, [])
    view = _around(box, (width, height))
    place = view.place(box)
    boxes = [Drawn("true", True, _shortened(suspect.label), *place, view.wh)] if place else []
    return Scene(mistake, photo, _cut(photo, (width, height), view), *view.wh, boxes)


def _shortened(label: str) -> str:
    return label if len(label) <= _NAME_LENGTH else f"{label[: _NAME_LENGTH - 1]}…"


def _seen(
    boxes: BoxesXyxy, rows: Iterable[int], view: _View
) -> Iterator[tuple[int, tuple[float, float, float, float]]]:
    """Yields the rows of the boxes, (N, 4) xyxy, that are in a picture, with their x, y, width and height there."""
    for row in rows:
        place = view.place(boxes[row].tolist())
        if place:
            yield row, place


def _around(box: Sequence[float], size_wh: tuple[int, int]) -> _View:
    """Returns the part of a photo around a box (xyxy), in the picture's aspect ratio if the photo is large enough."""
    x1, y1, x2, y2 = box
    ideal = max((y2 - y1) * _MARGIN, (x2 - x1) * _MARGIN * _HEIGHT / _WIDTH, _LEAST)
    width, height = min(ideal * _WIDTH / _HEIGHT, size_wh[0]), min(ideal, size_wh[1])
    left = min(max(0.0, (x1 + x2 - width) / 2), size_wh[0] - width)
    top = min(max(0.0, (y1 + y2 - height) / 2), size_wh[1] - height)
    scale = min(_WIDTH / width, _HEIGHT / height)
    return _View(left, top, scale, (max(1, round(width * scale)), max(1, round(height * scale))))


def _cut(photo: Path, size_wh: tuple[int, int], view: _View) -> str:
    """Returns the picture as a JPEG in a data URI; empty if the photo can't be read."""
    (width, height), scale = size_wh, min(1.0, view.scale)
    try:
        frame = read_photo(photo, InputSpec(max(1, round(height * scale)), max(1, round(width * scale))))
    except PhotoError:
        return ""
    across, down = frame.shape[1] / width, frame.shape[0] / height
    # Whole px of the decoded photo are exact enough: the lines of boxes are wider.
    left, top = int(view.left * across), int(view.top * down)
    right = max(left + 1, round((view.left + view.wh[0] / view.scale) * across))
    bottom = max(top + 1, round((view.top + view.wh[1] / view.scale) * down))
    method = cv2.INTER_AREA if right - left > view.wh[0] else cv2.INTER_CUBIC
    return data_uri(np.asarray(cv2.resize(frame[top:bottom, left:right], view.wh, interpolation=method), np.uint8))
