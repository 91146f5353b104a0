"""Lays parts on a belt, and takes a picture of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgetl.host.demo.belt import Camera, draw_belt
from edgetl.host.demo.metal import Patch, draw_light, draw_part
from edgetl.host.demo.relief import Field
from edgetl.vision.arrays import Image

SHARE = (0.5, 0.78)
"""A part's length is this share of the short side of its place, at least and at most."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A part and where it was drawn.

    Attributes:
        label: the class of the part.
        xyxy: the box of the part, px of the picture.
    """

    label: str
    xyxy: tuple[float, float, float, float]


def draw_scene(rng: np.random.Generator, size_wh: tuple[int, int], labels: Sequence[str]) -> tuple[Image, list[Placed]]:
    """Draws a photo of parts that lie on a belt and don't overlap.

    Args:
        rng: the random numbers.
        size_wh: the width and height of the picture, px.
        labels: the classes of the parts, keys of `SHAPES`.

    Returns:
        The (H, W, 3) uint8 BGR picture, and the parts in the order of `labels`.
    """
    w, h = size_wh
    light, scene = draw_light(rng), draw_belt(rng, size_wh)
    columns = max(1, round(np.sqrt(len(labels) * w / h)))
    rows = max(1, -(-len(labels) // columns))
    cell_w, cell_h = w / columns, h / rows
    margin = 0.25 if len(labels) == 1 else 0.02  # a single part lies near the middle, as in a photo that is taken of it
    placed = []
    for label, cell in zip(labels, rng.permutation(columns * rows)[: len(labels)], strict=True):
        patch = draw_part(rng, label, min(cell_w, cell_h) * rng.uniform(*SHARE), light)
        x0, y0, x1, y1 = patch.xyxy
        row, column = divmod(int(cell), columns)
        x = int(column * cell_w + rng.uniform(margin, 1 - margin) * (cell_w - (x1 - x0)))
        y = int(row * cell_h + rng.uniform(margin, 1 - margin) * (cell_h - (y1 - y0)))
        lay(scene, patch, x - x0, y - y0)
        placed.append(Placed(label, (float(x), float(y), float(x + x1 - x0), float(y + y1 - y0))))
    return Camera.of(rng, size_wh)(rng, scene), placed


def lay(scene: Field, patch: Patch, left: int, top: int) -> None:
    """Lays a part with its shadow onto a scene; the part is cut off at the scene's edges.

    Args:
        scene: the picture, (H, W, 3) float32 BGR, 0..1, which is changed.
        patch: the part.
        left: the left edge of the patch in the scene, px; it may be negative.
        top: the top edge of the patch in the scene, px; it may be negative.
    """
    h, w = patch.alpha.shape
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + w, scene.shape[1]), min(top + h, scene.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    area = (slice(y0, y1), slice(x0, x1))
    cut = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    scene[area] *= (patch.shadow[cut] * (1 - patch.alpha[cut]))[..., None]
    scene[area] += patch.bgr[cut]
