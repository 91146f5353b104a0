"""A result onto a frame."""

from __future__ import annotations

import unicodedata

import cv2
import numpy as np

from edgetl.vision.preprocess import Image
from edgetl.vision.results import Classification

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WHITE = (255, 255, 255)
_UNIT = cv2.getTextSize("H", _FONT, 1.0, 1)[0][1]
"""Height of a capital letter at font scale 1, px."""
# From version 5 on OpenCV draws the Hershey fonts' names with a Unicode font; before, "?" for every other letter.
_UNICODE = int(cv2.__version__.split(".")[0]) >= 5
_TEXT_HEIGHT = 1 / 18
"""Of a capital letter, as a share of the frame's shorter side."""
_SMALLEST = 9
"""Height of a capital letter below which nobody can read it, px."""


def draw(frame: Image, result: Classification) -> None:
    """Writes a result along the top of a frame, in place: white on a strip through which the picture shows.

    Args:
        frame: (H, W, 3) uint8 BGR of any size; a label too long for it is made smaller, then cut.
        result: the classes to name, one line each, as many as half the frame holds.
    """
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


def _lines(result: Classification) -> list[tuple[str, str]]:
    """The (label, score) to write; of an empty result what it says of itself."""
    if not len(result):
        return [(str(result), "")]
    rows = zip(result.labels, result.class_id.tolist(), result.score.tolist(), strict=True)
    return [(_drawable(label, class_id), f" {score:.0%}") for label, class_id, score in rows]


def _drawable(label: str, class_id: int, unicode: bool = _UNICODE) -> str:
    """The label as the font can draw it: accents dropped where need be, a number where no letters are left."""
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
    while _width(text, scale) > width and label:
        label = label[:-1]
        text = f"{label}..{score}"
    return text, scale


def _width(text: str, scale: float) -> int:
    """Of a line, px."""
    return int(cv2.getTextSize(text, _FONT, scale, _thickness(scale))[0][0])


def _thickness(scale: float) -> int:
    return max(1, round(scale * _UNIT / 10))
