"""Computes where a frame's pixels lie in a model's input: the geometry that `preprocess` applies.

It also maps boxes from the frame to the input and back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgetl.card import InputSpec
from edgetl.vision.arrays import BoxesXyxy, Floats


@dataclass(frozen=True, slots=True)
class Layout:
    """The steps from a frame to the input, in whole pixels.

    Attributes:
        factor: power of two by which the frame is averaged down, see `reduction`; last rows and columns that don't
            fill a block of this size are left out.
        part: x, y, width and height of the part of the averaged frame that is used, px of that frame.
        place: x, y, width and height of that part in the input, px of the input; the rest of the input is grey.
    """

    factor: int
    part: tuple[int, int, int, int]
    place: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Placement:
    """A frame's place in the input: x_input = x_frame * scale_x + left, y_input = y_frame * scale_y + top.

    Attributes:
        scale_x: number of the input's px for each px of the frame, in x.
        scale_y: number of the input's px for each px of the frame, in y.
        left: x of the frame's left edge in the input, px; negative if `crop` cuts the edge off.
        top: y of the frame's top edge in the input, px; negative if `crop` cuts the edge off.
    """

    scale_x: float
    scale_y: float
    left: float
    top: float

    def to_input(self, xyxy: BoxesXyxy) -> BoxesXyxy:
        """Maps boxes from the frame to the input.

        Args:
            xyxy: boxes in the frame, (N, 4) float32 left, top, right, bottom, px of the frame.

        Returns:
            Boxes in the input, (N, 4) float32, px of the input; they may reach beyond it.
        """
        return xyxy * self._scales() + self._offsets()

    def to_frame(self, xyxy: BoxesXyxy) -> BoxesXyxy:
        """Maps boxes from the input to the frame.

        Args:
            xyxy: boxes in the input, (N, 4) float32 left, top, right, bottom, px of the input.

        Returns:
            Boxes in the frame, (N, 4) float32, px of the frame; they may reach beyond it.
        """
        return (xyxy - self._offsets()) / self._scales()

    def _scales(self) -> Floats:
        return np.array((self.scale_x, self.scale_y) * 2, np.float32)

    def _offsets(self) -> Floats:
        return np.array((self.left, self.top) * 2, np.float32)


def place(height: int, width: int, spec: InputSpec) -> Placement:
    """Returns a frame's place in the input.

    Args:
        height: height of the frame, px; for a photo its full height, even if it is decoded at a smaller scale, see
            `edgetl.vision.photo.decode_sized`.
        width: width of the frame, px, measured in that way.
        spec: the model's input.
    """
    found = layout(height, width, spec)
    (from_x, from_y, from_w, from_h), (x, y, w, h) = found.part, found.place
    scale_x, scale_y = w / from_w, h / from_h
    return Placement(scale_x / found.factor, scale_y / found.factor, x - from_x * scale_x, y - from_y * scale_y)


def layout(height: int, width: int, spec: InputSpec) -> Layout:
    """Returns the steps from a frame to the input.

    Args:
        height: height of the frame, px.
        width: width of the frame, px.
        spec: the model's input.
    """
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
    """Returns the power of two, 1 to 64, by which a picture is averaged down before it is resized.

    Afterwards both sides, upright or turned, are still at least twice as long as in the input, as those of a 640 x 480
    frame usually are. Without this step a photo of twelve megapixels or a 1080p frame would be sampled at one pixel in
    a hundred. Averaging down to the input's own size blurs: it cost a ready-made classifier at 128 px five points of
    top-1.

    Args:
        height: height of the picture, px.
        width: width of the picture, px.
        spec: the model's input.
    """
    return next((f for f in (64, 32, 16, 8, 4, 2) if _is_ample(height // f, width // f, spec)), 1)


def _is_ample(height: int, width: int, spec: InputSpec) -> bool:
    """Says whether a picture, upright or turned, is at least twice as large as it is in the input."""
    if spec.resize == "letterbox":
        # The reduced sides alone decide, because a photo that is decoded at a smaller scale has no others.
        return min(height, width) > 0 and max(_fit(height, width, spec), _fit(width, height, spec)) <= 0.5
    (short, long), (need_short, need_long) = sorted((height, width)), sorted((2 * spec.height, 2 * spec.width))
    return short >= need_short and long >= need_long


def _fit(height: int, width: int, spec: InputSpec) -> float:
    """Returns the scale at which a whole picture just fits into the input."""
    return min(spec.height / height, spec.width / width)
