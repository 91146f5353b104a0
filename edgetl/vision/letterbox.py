"""Where a frame's pixels lie in a model's input: the geometry that `preprocess` applies.

Boxes go by it to the input and back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.card import InputSpec

Boxes = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layout:
    """The steps from a frame to the input, in whole pixels.

    Attributes:
        factor: the frame is averaged down by, see `reduction`; a last row or column of less than it is left out.
        part: x, y, width and height of what is seen of the averaged frame, its px.
        place: x, y, width and height of what that becomes in the input, px; the rest of the input is grey.
    """

    factor: int
    part: tuple[int, int, int, int]
    place: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Placement:
    """A frame's place in the input: x_input = x_frame * scale_x + left, y_input = y_frame * scale_y + top.

    Attributes:
        scale_x: px of the input a px of the frame.
        scale_y: likewise.
        left: of the frame's left edge in the input, px; negative where `crop` cuts it off.
        top: likewise.
    """

    scale_x: float
    scale_y: float
    left: float
    top: float

    def to_input(self, xyxy: Boxes) -> Boxes:
        """Maps (N, 4) boxes from px of the frame to px of the input."""
        return xyxy * self._scales() + self._offsets()

    def to_frame(self, xyxy: Boxes) -> Boxes:
        """Maps (N, 4) boxes from px of the input to px of the frame; they may reach beyond it."""
        return (xyxy - self._offsets()) / self._scales()

    def _scales(self) -> Boxes:
        return np.array((self.scale_x, self.scale_y) * 2, np.float32)

    def _offsets(self) -> Boxes:
        return np.array((self.left, self.top) * 2, np.float32)


def place(height: int, width: int, spec: InputSpec) -> Placement:
    """Finds a frame's place in the input.

    Args:
        height: of the frame, px. A photo's own, not that of one decoded at a smaller scale: see `decode_sized`.
        width: likewise.
        spec: the model's input.
    """
    found = layout(height, width, spec)
    (from_x, from_y, from_w, from_h), (x, y, w, h) = found.part, found.place
    scale_x, scale_y = w / from_w, h / from_h
    return Placement(scale_x / found.factor, scale_y / found.factor, x - from_x * scale_x, y - from_y * scale_y)


def layout(height: int, width: int, spec: InputSpec) -> Layout:
    """Plans the steps from a frame of (height, width) px to the input."""
    factor = reduction(height, width, spec)
    height, width = height // factor, width // factor
    part, full = (0, 0, width, height), (0, 0, spec.width, spec.height)
    if spec.resize == "crop":
        aspect = spec.width / spec.height
        w, h = min(width, max(1, round(height * aspect))), min(height, max(1, round(width / aspect)))
        return Layout(factor, ((width - w) // 2, (height - h) // 2, w, h), full)
    if spec.resize == "letterbox":
        scale = _fit(height, width, spec)
        w, h = max(1, round(width * scale)), max(1, round(height * scale))
        return Layout(factor, part, ((spec.width - w) // 2, (spec.height - h) // 2, w, h))
    return Layout(factor, part, full)


def reduction(height: int, width: int, spec: InputSpec) -> int:
    """Returns by which power of two a picture is averaged down before it is resized.

    It leaves both sides, either way up, at least twice as long as what they become, as a 640 x 480 frame is to a usual
    input. Without it, a photo of twelve megapixels or a 1080p frame would be sampled at one pixel in a hundred; and
    reduced to the input itself, a ready-made classifier at 128 px lost five points of top-1 by the blur.
    """
    return next((f for f in (64, 32, 16, 8, 4, 2) if _is_ample(height // f, width // f, spec)), 1)


def _is_ample(height: int, width: int, spec: InputSpec) -> bool:
    """Whether a picture is at least twice as large as what it becomes in the input, either way up."""
    if spec.resize == "letterbox":
        # Nothing but the sides that are left may decide: a photo decoded at a smaller scale has no others.
        return min(height, width) > 0 and max(_fit(height, width, spec), _fit(width, height, spec)) <= 0.5
    (short, long), (need_short, need_long) = sorted((height, width)), sorted((2 * spec.height, 2 * spec.width))
    return short >= need_short and long >= need_long


def _fit(height: int, width: int, spec: InputSpec) -> float:
    """The scale at which a whole picture just fits into the input."""
    return min(spec.height / height, spec.width / width)
