"""A mistake of a detector as a picture: the part of the photo around it, and where the boxes are in that part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edgetl.card import InputSpec
from edgetl.host.evaluate.box_metrics import DetectionEvaluation
from edgetl.host.evaluate.box_mistakes import Mistake, shown
from edgetl.host.report.page import inlined
from edgetl.vision.photo import PhotoError, read_photo

_WIDTH, _HEIGHT = 400, 300
"""Of a picture at most, px."""
_MARGIN = 1.9
"""How much larger than the box the part around it is."""
_LEAST = 72.0
"""Height of that part at least, px of the photo: less can't be recognised."""
_MOST_NAMED = 5
"""With more boxes in the picture than these, only the mistake's own has its name at it."""
_LETTER = 21
_NAME_LENGTH = 16

Kind = Literal["true", "found"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A box in a picture.

    Attributes:
        kind: whether it is a true one or was found.
        strong: it is the mistake.
        name: to write at it; may be empty.
        x: of its left, px of the picture; so the next three.
        y: of its top.
        width: of the box.
        height: of the box.
        picture_wh: of the picture, px.
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
        """Which end of the name is at `text_x`."""
        return "start" if self.x < self.picture_wh[0] / 2 else "end"

    @property
    def text_x(self) -> float:
        """The name's end within the picture, px."""
        if self.anchor == "start":
            return max(4.0, self.x)
        return min(self.picture_wh[0] - 4.0, self.x + self.width)

    @property
    def text_y(self) -> float:
        """The name's baseline, px: above a true box, below a found one, so that both can be read; in the picture."""
        above, below = self.y - 6, self.y + self.height + _LETTER
        if self.kind == "true":
            return above if above > _LETTER else max(_LETTER, self.y + _LETTER)
        bottom = self.picture_wh[1] - 6.0
        return below if below < bottom else min(bottom, self.y + self.height - 8)


@dataclass(frozen=True, slots=True)
class Scene:
    """A mistake and its surroundings.

    Attributes:
        mistake: what went wrong.
        photo: its file.
        picture: a JPEG in a data URI; empty if the photo can't be read any more.
        width: of the picture, px.
        height: of the picture, px.
        boxes: in it, the mistake's own last.
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
        left: of the part, px of the photo; so `top`.
        top: of the part.
        scale: px of the picture a px of the photo.
        wh: of the picture, px.
    """

    left: float
    top: float
    scale: float
    wh: tuple[int, int]

    def place(self, box: Sequence[float]) -> tuple[float, float, float, float] | None:
        """Returns where a box (xyxy) is in the picture, as x, y, width, height; None where it isn't."""
        x1, y1, x2, y2 = box
        x, y = (x1 - self.left) * self.scale, (y1 - self.top) * self.scale
        width, height = (x2 - x1) * self.scale, (y2 - y1) * self.scale
        inside = x < self.wh[0] and y < self.wh[1] and x + width > 0 and y + height > 0
        return (x, y, width, height) if inside else None


def scene(
    mistake: Mistake, kind: Kind, result: DetectionEvaluation, photo: Path, thresholds: NDArray[np.float32]
) -> Scene:
    """Cuts out what is around a mistake.

    Args:
        mistake: of the evaluation.
        kind: which of the photo's boxes the mistake is.
        result: the evaluation.
        photo: the mistake's file; decoded here, as small as will do.
        thresholds: the display threshold of each class, (C,) float32, 0..1.
    """
    truth, found = result.truth[mistake.photo], result.found[mistake.photo]
    own = (truth if kind == "true" else found).xyxy[mistake.box]
    view = _around(own.tolist(), truth.size_wh)
    boxes: list[Drawn] = []
    for box, place in _seen(truth.xyxy, range(len(truth.xyxy)), view):
        name = _shortened(result.labels[truth.class_id[box]])
        boxes.append(Drawn("true", kind == "true" and box == mistake.box, name, *place, view.wh))
    for box, place in _seen(found.xyxy, shown(found, thresholds).tolist(), view):
        name = f"{_shortened(result.labels[found.class_id[box]])} {found.score[box]:.0%}"
        boxes.append(Drawn("found", kind == "found" and box == mistake.box, name, *place, view.wh))
    if len(boxes) > _MOST_NAMED:
        boxes = [box if box.strong else replace(box, name="") for box in boxes]
    picture = _cut(photo, truth.size_wh, view)
    return Scene(mistake, photo, picture, *view.wh, sorted(boxes, key=lambda box: box.strong))


def _shortened(label: str) -> str:
    return label if len(label) <= _NAME_LENGTH else f"{label[: _NAME_LENGTH - 1]}…"


def _seen(
    boxes: NDArray[np.float32], rows: Iterable[int], view: _View
) -> Iterator[tuple[int, tuple[float, float, float, float]]]:
    """The rows of boxes that are in a picture, and where."""
    for row in rows:
        place = view.place(boxes[row].tolist())
        if place:
            yield row, place


def _around(box: Sequence[float], size_wh: tuple[int, int]) -> _View:
    """The part of a photo around a box (xyxy): of the picture's aspect ratio where the photo is large enough."""
    x1, y1, x2, y2 = box
    wanted = max((y2 - y1) * _MARGIN, (x2 - x1) * _MARGIN * _HEIGHT / _WIDTH, _LEAST)
    width, height = min(wanted * _WIDTH / _HEIGHT, size_wh[0]), min(wanted, size_wh[1])
    left = min(max(0.0, (x1 + x2 - width) / 2), size_wh[0] - width)
    top = min(max(0.0, (y1 + y2 - height) / 2), size_wh[1] - height)
    scale = min(_WIDTH / width, _HEIGHT / height)
    return _View(left, top, scale, (max(1, round(width * scale)), max(1, round(height * scale))))


def _cut(photo: Path, size_wh: tuple[int, int], view: _View) -> str:
    """The picture as a JPEG in a data URI; empty if the photo can't be read."""
    (width, height), scale = size_wh, min(1.0, view.scale)
    try:
        frame = read_photo(photo, InputSpec(max(1, round(height * scale)), max(1, round(width * scale))))
    except PhotoError:
        return ""
    across, down = frame.shape[1] / width, frame.shape[0] / height
    # To whole px of the photo as it was decoded: a fraction of one is less than a line is wide.
    left, top = int(view.left * across), int(view.top * down)
    right = max(left + 1, round((view.left + view.wh[0] / view.scale) * across))
    bottom = max(top + 1, round((view.top + view.wh[1] / view.scale) * down))
    way = cv2.INTER_AREA if right - left > view.wh[0] else cv2.INTER_CUBIC
    return inlined(np.asarray(cv2.resize(frame[top:bottom, left:right], view.wh, interpolation=way), np.uint8))
