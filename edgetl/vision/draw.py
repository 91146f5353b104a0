"""Draws results, zones and counted lines onto frames."""

from __future__ import annotations

import colorsys
import unicodedata
from bisect import bisect
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edgetl.text import LONGEST_LABEL, printable
from edgetl.vision.arrays import Image, Points
from edgetl.vision.results import Classification, Detections, Result
from edgetl.vision.zones import Line, Zone

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_HUE_STEP = 0.618034
"""The hues of successive classes are this far apart, 0..1: the golden ratio keeps many of them distinct."""
_ZONE_COLOR = (255, 255, 255)
"""Zones and lines are white, BGR, which is no class's colour."""
_LUMINANCE = (0.114, 0.587, 0.299)
"""The luminance of a colour is its blue, green and red in these shares (ITU-R BT.601)."""
_BRIGHT = 110
"""A background whose luminance is above this value, 0..255, gets black letters; a darker one gets white letters."""
_UNIT = cv2.getTextSize("H", _FONT, 1.0, 1)[0][1]
"""A capital letter has this height at font scale 1, px."""
# From version 5 on OpenCV draws the Hershey fonts' names with a Unicode font; before, "?" for every other letter.
_UNICODE = int(cv2.__version__.split(".")[0]) >= 5
_TEXT_HEIGHT = 1 / 18
"""A class's line has capital letters of this height, as a share of the frame's shorter side."""
_BOX_TEXT_HEIGHT = 1 / 36
"""A box's label has capital letters of this height, as a share of that side: small ones, as there may be many."""
_LINE = 1 / 240
"""A box's line has this thickness, as a share of the frame's shorter side."""
_SMALLEST = 9
"""Capital letters are never smaller than this, px: smaller ones can't be read."""


def draw(frame: Image, result: Result) -> None:
    """Writes a result onto a frame, in place: classes along its top, boxes where the objects are.

    Args:
        frame: the frame to draw on, (H, W, 3) uint8 BGR; a label that is too long for it is made smaller, then cut.
        result: the result to show; boxes found in a picture of another size are scaled to the frame.
    """
    if isinstance(result, Detections):
        _draw_boxes(frame, result)
    else:
        _draw_classes(frame, result)


def draw_zones(frame: Image, zones: Iterable[Zone], lines: Iterable[tuple[Line, tuple[int, int]]]) -> None:
    """Draws zones, and lines with what was counted across them, onto a frame, in place.

    Args:
        frame: the frame to draw on, (H, W, 3) uint8 BGR.
        zones: the zones, drawn with their edges and names.
        lines: the lines with their numbers of crossings in and out; an arrow across a line's middle, with the word `in`
            at its tip, points in the direction that counts as `in`.
    """
    for zone in zones:
        corners = _pixels(frame, zone.points)
        _stroke(frame, np.concatenate((corners, corners[:1])))
        left, top = corners.min(axis=0).tolist()
        _draw_label(frame, (left, top), (drawable(zone.name, 0), ""), _ZONE_COLOR)
    for line, (count_in, count_out) in lines:
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
        _draw_label(frame, (left, bottom), (drawable(line.name, 0), f" {count_in} in, {count_out} out"), _ZONE_COLOR)


def _draw_centred(frame: Image, middle: Points, text: str) -> None:
    """Draws a label with its middle at a point, (2,) float64 px; beyond the frame's edge it is moved inwards."""
    letter = _box_letter(frame)
    scale = letter / _UNIT
    corner = round(middle[0] - _width(text, scale) / 2), round(middle[1] + letter)
    _draw_label(frame, corner, (text, ""), _ZONE_COLOR)


def _stroke(frame: Image, points: NDArray[np.int32] | Points) -> None:
    """Draws a white line through (K, 2) points, px, with dark edges: it stands out on any background."""
    path, line = [points.round().astype(np.int32)], _line_width(frame)
    cv2.polylines(frame, path, False, _BLACK, line + 2, cv2.LINE_AA)
    cv2.polylines(frame, path, False, _ZONE_COLOR, line, cv2.LINE_AA)


def color(class_id: int) -> tuple[int, int, int]:
    """Returns the colour of a class's boxes, BGR 0..255: a fixed one, far from those of the next classes.

    Args:
        class_id: column of the class in the model's output.
    """
    hue = (class_id * _HUE_STEP + 0.33) % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85, 1.0)
    return round(255 * blue), round(255 * green), round(255 * red)


def _draw_classes(frame: Image, result: Classification) -> None:
    """Writes a line for each class, white on a dark strip, at most as many as half the frame holds."""
    height, width = frame.shape[:2]
    letter = max(_SMALLEST, round(min(height, width) * _TEXT_HEIGHT))
    line, margin = 2 * letter, letter // 2 + 1
    lines = _lines(result)[: max(1, height // 2 // line)]
    strip = frame[: line * len(lines)]
    np.right_shift(strip, 2, out=strip)  # at a quarter of its brightness, white letters stand out on any picture
    for row, (label, score) in enumerate(lines, start=1):
        text, scale = _fit(label, score, letter, width - 2 * margin)
        baseline = row * line - (line - letter) // 2
        cv2.putText(frame, text, (margin, baseline), _FONT, scale, _WHITE, _thickness(scale), cv2.LINE_AA)


def _pixels(frame: Image, points: Sequence[tuple[float, float]]) -> NDArray[np.int32]:
    """Returns (K, 2) int32 points in px of points given in shares of the frame's width and height."""
    height, width = frame.shape[:2]
    return np.array(np.array(points) * (width - 1, height - 1), np.float64).round().astype(np.int32)


def _line_width(frame: Image) -> int:
    """Returns the thickness of the lines of boxes and zones, px."""
    sides: tuple[int, ...] = frame.shape[:2]
    return max(2, round(min(sides) * _LINE))


def _draw_boxes(frame: Image, result: Detections) -> None:
    """Draws each box and its label, the best ones last, so that these lie on top."""
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
    """Draws a label on a background of its box's colour, within the frame.

    It lies above the box's corner if there is room, else inside the box.

    Args:
        frame: the frame to draw on.
        corner: the box's left and top, px.
        text: the label, and the score, which is never cut.
        bgr: colour of the background, 0..255.
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
    ink = _BLACK if np.dot(bgr, _LUMINANCE) > _BRIGHT else _WHITE
    cv2.putText(frame, words, (left + margin, baseline), _FONT, scale, ink, _thickness(scale), cv2.LINE_AA)


def _box_letter(frame: Image) -> int:
    """Returns the height of a capital letter in a box's label, px."""
    sides: tuple[int, ...] = frame.shape[:2]
    return max(_SMALLEST, round(min(sides) * _BOX_TEXT_HEIGHT))


def _lines(result: Classification) -> list[tuple[str, str]]:
    """Returns the (label, score) of each line; an empty result has one line, "nothing known"."""
    if not len(result):
        return [(str(result), "")]
    rows = zip(result.labels, result.class_id.tolist(), result.score.tolist(), strict=True)
    unsure = " unsure" if result.unsure else ""
    return [(drawable(label, class_id), f" {score:.0%}{unsure}") for label, class_id, score in rows]


def drawable(label: str, class_id: int, unicode: bool = _UNICODE) -> str:
    """Returns a label as the font can draw it, without accents if the font has none.

    Lone surrogates and control characters are escaped: OpenCV crashes at a lone surrogate.

    Args:
        label: the class's or zone's name.
        class_id: column of the class in the model's output, shown if no letter of the label can be drawn.
        unicode: whether the font has letters beyond ASCII.
    """
    label = printable(label[:LONGEST_LABEL])
    if unicode or label.isascii():
        return label
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().strip()
    return plain if any(letter.isalnum() for letter in plain) else f"class {class_id}"


def _fit(label: str, score: str, letter: int, width: int) -> tuple[str, float]:
    """Returns a line of text that fits a width, and its font scale; the label is cut if the smallest letters don't fit.

    Args:
        label: the class's name.
        score: the line's end, which is never cut.
        letter: preferred height of a capital letter, px.
        width: the width that is free, px.
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
    # By bisection: a stranger's model may have long labels, and a frame many of them.
    fitting = bisect(range(1, len(label)), width, key=lambda letters: _width(f"{label[:letters]}..{score}", scale))
    return f"{label[:fitting]}..{score}", scale


def _width(text: str, scale: float) -> int:
    """Returns the width of a line of text, px."""
    return int(cv2.getTextSize(text, _FONT, scale, _thickness(scale))[0][0])


def _thickness(scale: float) -> int:
    return max(1, round(scale * _UNIT / 10))
