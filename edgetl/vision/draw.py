"""A result onto a frame."""

from __future__ import annotations

import colorsys
import unicodedata
from bisect import bisect
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edgetl.text import LONGEST_LABEL, printable
from edgetl.vision.arrays import Image
from edgetl.vision.results import Classification, Detections, Result
from edgetl.vision.zones import Line, Zone

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_GOLDEN = 0.618034
"""A step of hue that comes near none of the last ones for long."""
_WATCHED = (255, 255, 255)
"""Zones and lines: no class's colour."""
_LIGHT = (0.114, 0.587, 0.299)
"""How bright blue, green and red look."""
_BRIGHT = 110
"""A ground brighter than that takes black letters, 0..255."""
_UNIT = cv2.getTextSize("H", _FONT, 1.0, 1)[0][1]
"""Height of a capital letter at font scale 1, px."""
# From version 5 on OpenCV draws the Hershey fonts' names with a Unicode font; before, "?" for every other letter.
_UNICODE = int(cv2.__version__.split(".")[0]) >= 5
_TEXT_HEIGHT = 1 / 18
"""Of a capital letter, as a share of the frame's shorter side."""
_BOX_TEXT_HEIGHT = 1 / 36
"""The same of a box's label: there may be many."""
_LINE = 1 / 240
"""Thickness of a box's line, as a share of the frame's shorter side."""
_SMALLEST = 9
"""Height of a capital letter below which nobody can read it, px."""


def draw(frame: Image, result: Result) -> None:
    """Writes a result onto a frame, in place: classes along its top, boxes where the objects are.

    Args:
        frame: (H, W, 3) uint8 BGR of any size; a label too long for it is made smaller, then cut.
        result: what to show; boxes in a picture of another size than the frame's are drawn to its scale.
    """
    if isinstance(result, Detections):
        _draw_boxes(frame, result)
    else:
        _draw_classes(frame, result)


def draw_watched(frame: Image, zones: Iterable[Zone], lines: Iterable[tuple[Line, tuple[int, int]]]) -> None:
    """Draws zones, and lines with what was counted across them, onto a frame, in place.

    Args:
        frame: (H, W, 3) uint8 BGR.
        zones: each gets its edges and its name.
        lines: each with its crossings in and out; an arrow across its middle, with the word `in` at its tip, points to
            where `in` leads.
    """
    for zone in zones:
        corners = _pixels(frame, zone.points)
        _stroke(frame, np.concatenate((corners, corners[:1])))
        left, top = corners.min(axis=0).tolist()
        _draw_label(frame, (left, top), (drawable(zone.name, 0), ""), _WATCHED)
    for line, (came, went) in lines:
        ends = _pixels(frame, line.points)
        middle, (right, down) = ends.mean(axis=0), (ends[1] - ends[0]) / max(float(np.hypot(*(ends[1] - ends[0]))), 1.0)
        sides: tuple[int, ...] = frame.shape[:2]
        reach = min(sides) / 12 * np.array((-down, right))
        across, along = reach * 0.4, np.array((right, down)) * min(sides) / 30
        tip = middle + reach
        _stroke(frame, ends)
        _stroke(frame, np.array((middle - reach * 0.2, tip)))
        _stroke(frame, np.array((tip - across - along, tip, tip - across + along)))
        _draw_centred(frame, tip + reach * 0.4, "in")
        left, bottom = ends[int(ends[:, 1].argmax())].tolist()
        _draw_label(frame, (left, bottom), (drawable(line.name, 0), f" {came} in, {went} out"), _WATCHED)


def _draw_centred(frame: Image, middle: NDArray[np.float64], text: str) -> None:
    """A label with its middle at a point, px; where the frame ends it is moved inwards."""
    letter = _box_letter(frame)
    scale = letter / _UNIT
    corner = round(middle[0] - _width(text, scale) / 2), round(middle[1] + letter)
    _draw_label(frame, corner, (text, ""), _WATCHED)


def _stroke(frame: Image, points: NDArray[np.int32] | NDArray[np.float64]) -> None:
    """A white way through (K, 2) points, px, with dark edges: it stands out on whatever is behind."""
    path, line = [points.round().astype(np.int32)], _line_width(frame)
    cv2.polylines(frame, path, False, _BLACK, line + 2, cv2.LINE_AA)
    cv2.polylines(frame, path, False, _WATCHED, line, cv2.LINE_AA)


def color(class_id: int) -> tuple[int, int, int]:
    """Returns the colour of a class's boxes, BGR 0..255: always the same, and far from that of the next classes."""
    hue = (class_id * _GOLDEN + 0.33) % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85, 1.0)
    return round(255 * blue), round(255 * green), round(255 * red)


def _draw_classes(frame: Image, result: Classification) -> None:
    """One line each, white on a strip through which the picture shows, as many as half the frame holds."""
    height, width = frame.shape[:2]
    letter = max(_SMALLEST, round(min(height, width) * _TEXT_HEIGHT))
    line, margin = 2 * letter, letter // 2 + 1
    lines = _lines(result)[: max(1, height // 2 // line)]
    strip = frame[: line * len(lines)]
    np.right_shift(strip, 2, out=strip)  # a quarter of the light: white stands out on it whatever is behind
    for row, (label, score) in enumerate(lines, start=1):
        text, scale = _fit(label, score, letter, width - 2 * margin)
        baseline = row * line - (line - letter) // 2
        cv2.putText(frame, text, (margin, baseline), _FONT, scale, _WHITE, _thickness(scale), cv2.LINE_AA)


def _pixels(frame: Image, points: Sequence[tuple[float, float]]) -> NDArray[np.int32]:
    """(K, 2) points in px of points in shares of the frame."""
    height, width = frame.shape[:2]
    return np.array(np.array(points) * (width - 1, height - 1), np.float64).round().astype(np.int32)


def _line_width(frame: Image) -> int:
    """Of boxes, zones and lines, px."""
    sides: tuple[int, ...] = frame.shape[:2]
    return max(2, round(min(sides) * _LINE))


def _draw_boxes(frame: Image, result: Detections) -> None:
    """A box and its label each, the best ones last: they lie on top."""
    height, width = frame.shape[:2]
    line = _line_width(frame)
    scales = np.array((width, height) * 2) / (result.size_wh * 2)
    corners = (result.xyxy * scales).round().astype(int).tolist()
    tracks = [""] * len(result) if result.track is None else [f" {number}" for number in result.track.tolist()]
    columns = (result.labels, tracks, result.class_id.tolist(), result.score.tolist())
    rows = list(zip(corners, *columns, strict=True))[::-1]
    for (x1, y1, x2, y2), _, _, class_id, _ in rows:
        cv2.rectangle(frame, (x1, y1), (x2 - 1, y2 - 1), color(class_id), line)
    for (x1, y1, _, _), label, track, class_id, score in rows:
        _draw_label(frame, (x1, y1), (drawable(label, class_id), f"{track} {score:.0%}"), color(class_id))


def _draw_label(frame: Image, corner: tuple[int, int], text: tuple[str, str], bgr: tuple[int, int, int]) -> None:
    """A label on a ground of its box's colour: above the box's corner where there is room, else within; in the frame.

    Args:
        frame: to draw on.
        corner: the box's left and top, px.
        text: the label, and the score that is never cut.
        bgr: of the ground.
    """
    height, width = frame.shape[:2]
    letter = _box_letter(frame)
    margin, tall = letter // 3 + 1, 2 * letter
    words, scale = _fit(*text, letter, width - 2 * margin)
    wide = _width(words, scale) + 2 * margin
    left = max(0, min(corner[0], width - wide))
    top = max(0, min(corner[1] - tall if corner[1] >= tall else corner[1], height - tall))
    cv2.rectangle(frame, (left, top), (left + wide - 1, top + tall - 1), bgr, cv2.FILLED)
    baseline = top + (tall + letter) // 2
    ink = _BLACK if np.dot(bgr, _LIGHT) > _BRIGHT else _WHITE
    cv2.putText(frame, words, (left + margin, baseline), _FONT, scale, ink, _thickness(scale), cv2.LINE_AA)


def _box_letter(frame: Image) -> int:
    """Height of a capital letter in a box's label, px."""
    sides: tuple[int, ...] = frame.shape[:2]
    return max(_SMALLEST, round(min(sides) * _BOX_TEXT_HEIGHT))


def _lines(result: Classification) -> list[tuple[str, str]]:
    """The (label, score) to write; of an empty result what it says of itself."""
    if not len(result):
        return [(str(result), "")]
    rows = zip(result.labels, result.class_id.tolist(), result.score.tolist(), strict=True)
    unsure = " unsure" if result.unsure else ""
    return [(drawable(label, class_id), f" {score:.0%}{unsure}") for label, class_id, score in rows]


def drawable(label: str, class_id: int, unicode: bool = _UNICODE) -> str:
    """The label as the font can draw it: accents dropped where need be, a number where no letters are left.

    OpenCV crashes at a lone surrogate, so that such letters and control characters are escaped.
    """
    label = printable(label[:LONGEST_LABEL])
    if unicode or label.isascii():
        return label
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().strip()
    return plain if any(letter.isalnum() for letter in plain) else f"class {class_id}"


def _fit(label: str, score: str, letter: int, width: int) -> tuple[str, float]:
    """The line, its label cut where even the smallest letters are too wide, and the font scale for it.

    Args:
        label: of the class.
        score: its end, which is never cut.
        letter: wanted height of a capital letter, px.
        width: there is, px.
    """
    text, scale, smallest = label + score, letter / _UNIT, _SMALLEST / _UNIT
    needed = _width(text, scale)
    if needed <= width:
        return text, scale
    scale = max(smallest, scale * width / needed)
    while _width(text, scale) > width and scale > smallest:
        scale = max(smallest, scale * 0.95)
    if _width(text, scale) <= width:
        return text, scale
    # Letters that fit, by halving: a label of a stranger's model may be long, and there may be many in a frame.
    fitting = bisect(range(1, len(label)), width, key=lambda letters: _width(f"{label[:letters]}..{score}", scale))
    return f"{label[:fitting]}..{score}", scale


def _width(text: str, scale: float) -> int:
    """Of a line, px."""
    return int(cv2.getTextSize(text, _FONT, scale, _thickness(scale))[0][0])


def _thickness(scale: float) -> int:
    return max(1, round(scale * _UNIT / 10))
