"""Draws a contact sheet: a few photos with their boxes, to see at a glance whether the annotations fit."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edgetl.errors import DatasetError, UsageError
from edgetl.files import write_atomic
from edgetl.host.dataset.boxes.boxed_photo import BoxedPhoto
from edgetl.vision.arrays import Image
from edgetl.vision.draw import drawable
from edgetl.vision.photo import read_photo

_COLUMNS = 4
_CELL = 360
"""The side of the square that a photo is drawn into, px."""
_GAP = 6
"""The margin around photos and names, px."""
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SCALE = 0.5
_GREY = 48
"""The brightness of the background, 0..255."""
_TURN = 0.618034
"""The step on the colour circle from one class to the next; the golden ratio keeps the colours of neighbours apart."""

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Pen:
    """The name and the colour that a class is drawn with.

    Attributes:
        name: the name of the class, as far as this OpenCV can write it.
        colour: the colour as BGR, each 0..255.
    """

    name: str
    colour: Colour


def write_sheet(path: Path, photos: Sequence[BoxedPhoto], count: int = 24) -> None:
    """Writes a JPEG of photos with their boxes, each class in a colour of its own.

    Args:
        path: the file, with the suffix .jpg or .jpeg.
        photos: the photos, with clean boxes.
        count: the largest number of photos to draw.

    Raises:
        UsageError: the file has another suffix.
        DatasetError: no photo has a box.
        EdgetlError: the file can't be written.
    """
    if path.suffix.lower() not in (".jpg", ".jpeg"):
        raise UsageError(f"a sheet is a JPEG, not {path.suffix or 'a file without suffix'}", remedy="end it in .jpg")
    labels = sorted({box.label for photo in photos for box in photo.boxes})
    if not labels:
        remedy = "find the reason with `edgetl data check`"
        raise DatasetError("there are no boxes to draw", where=str(path), remedy=remedy)
    pens = {label: Pen(drawable(label, i), _colour(i)) for i, label in enumerate(labels)}
    cells = [_cell(photo, pens) for photo in sample(photos, count)]
    columns = min(_COLUMNS, len(cells))
    empty = np.full_like(cells[0], _GREY)
    cells += [empty] * (-len(cells) % columns)
    rows = [np.hstack(cells[at : at + columns]) for at in range(0, len(cells), columns)]
    sheet = np.vstack([*rows, _legend(pens, rows[0].shape[1])])
    write_atomic(path, cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def sample(photos: Sequence[BoxedPhoto], count: int) -> list[BoxedPhoto]:
    """Returns up to `count` photos with boxes: of each class in turn, spread evenly over the class's photos."""
    by_class: dict[str, list[int]] = {}
    for i, photo in enumerate(photos):
        for label in {box.label for box in photo.boxes}:
            by_class.setdefault(label, []).append(i)
    each = -(-count // max(1, len(by_class)))
    spread = [
        [rows[k * len(rows) // each] for k in range(min(each, len(rows)))] if len(rows) > each else rows
        for _, rows in sorted(by_class.items())
    ]
    chosen: dict[int, None] = {}
    for k in range(max(map(len, spread), default=0)):
        chosen.update(dict.fromkeys(rows[k] for rows in spread if k < len(rows)))
    rest = dict.fromkeys(i for i, photo in enumerate(photos) if photo.boxes)
    return [photos[i] for i in [*chosen, *(i for i in rest if i not in chosen)][:count]]


def _colour(i: int) -> Colour:
    """Returns the BGR colour of class `i`, bright enough for black letters on it."""
    red, green, blue = colorsys.hsv_to_rgb(i * _TURN % 1, 0.45 if i % 2 else 0.7, 1.0)
    return int(255 * blue), int(255 * green), int(255 * red)


def _cell(photo: BoxedPhoto, pens: dict[str, Pen]) -> Image:
    """Returns a photo with its boxes, scaled down, as (360, 360, 3) uint8 BGR."""
    frame = read_photo(photo.path)
    height, width = frame.shape[:2]
    inner = _CELL - 2 * _GAP
    scale = inner / max(height, width)
    small = cv2.resize(
        frame, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    cell = np.full((_CELL, _CELL, 3), _GREY, np.uint8)
    top, left = (_CELL - small.shape[0]) // 2, (_CELL - small.shape[1]) // 2
    cell[top : top + small.shape[0], left : left + small.shape[1]] = small
    for box in photo.boxes:
        x1, y1, x2, y2 = (round(value * scale) + shift for value, shift in zip(box.xyxy, (left, top) * 2, strict=True))
        cv2.rectangle(cell, (x1, y1), (x2, y2), pens[box.label].colour, 1 if box.ignored else 2)
    for box in photo.boxes:  # names last, so that no box crosses them out
        _name(cell, pens[box.label], round(box.xyxy[0] * scale) + left, round(box.xyxy[1] * scale) + top)
    return cell


def _name(cell: Image, pen: Pen, x: int, y: int) -> None:
    """Writes the name of a class above a box, or inside it if there is no room above."""
    (width, height), base = cv2.getTextSize(pen.name, _FONT, _SCALE, 1)
    x = max(0, min(x, cell.shape[1] - width - 2))
    bottom = y if y > height + base + 2 else y + height + base + 2
    cv2.rectangle(cell, (x, bottom - height - base - 2), (x + width + 2, bottom), pen.colour, cv2.FILLED)
    cv2.putText(cell, pen.name, (x + 1, bottom - base), _FONT, _SCALE, (0, 0, 0), 1, cv2.LINE_AA)


def _legend(pens: dict[str, Pen], width: int) -> Image:
    """Returns the name of every class on its colour, in as many lines as needed, as (H, width, 3) uint8 BGR."""
    line, places, x, y = 26, [], _GAP, 0
    for pen in pens.values():
        needed = int(cv2.getTextSize(pen.name, _FONT, _SCALE, 1)[0][0]) + 2 * _GAP
        if x + needed > width and x > _GAP:
            x, y = _GAP, y + line
        places.append((pen, x, y))
        x += needed
    legend = np.full((y + line, width, 3), _GREY, np.uint8)
    for pen, left, top in places:
        _name(legend, pen, left, top + line - 3)
    return legend
