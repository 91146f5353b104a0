"""Parts on a belt, as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgetl.host.demo.belt import Camera, draw_belt
from edgetl.host.demo.metal import Patch, draw_light, draw_part
from edgetl.host.demo.parts import Field
from edgetl.vision.arrays import Image

SHARE = (0.5, 0.78)  # of the short side of its place that a part's length takes


@dataclass(frozen=True, slots=True)
class Placed:
    """A part and where it was drawn.

    Attributes:
        label: the part's class.
        xyxy: its box, px of the picture.
    """

    label: str
    xyxy: tuple[float, float, float, float]


def draw_scene(rng: np.random.Generator, size_wh: tuple[int, int], labels: Sequence[str]) -> tuple[Image, list[Placed]]:
    """Draws a photo of parts that lie apart from each other on a belt.

    Args:
        rng: where the random numbers come from.
        size_wh: width and height of the picture, px.
        labels: the parts, of `PARTS`.

    Returns:
        The (H, W, 3) uint8 BGR picture, and the parts in the order of `labels`.
    """
    w, h = size_wh
    light, scene = draw_light(rng), draw_belt(rng, size_wh)
    columns = max(1, round(np.sqrt(len(labels) * w / h)))
    rows = max(1, -(-len(labels) // columns))
    cell_w, cell_h = w / columns, h / rows
    margin = 0.25 if len(labels) == 1 else 0.02  # a photo of one part is meant for it: it lies near the middle
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
    """Lays a part with its shadow onto a scene, in place; what would lie outside is cut off.

    Args:
        scene: (H, W, 3) float32 BGR.
        patch: the part.
        left: the patch's left edge in the scene, px; may be outside.
        top: its top edge, px.
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
