"""Renders a part as metal: its surface mirrors the lamps above it, and it throws a shadow."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgetl.host.demo.parts import SHAPES
from edgetl.host.demo.relief import Field, Grid, Relief

OVERSAMPLING = 2
"""Parts are drawn this many times as large as they are shown, so that their edges are smooth."""
_MIRROR = 128
"""The picture of the surroundings is this wide and high, px, enough for soft lamps."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The appearance of a metal.

    Attributes:
        tint: the share of blue, green and red light that the metal reflects, 0..1.
        roughness: the blur of the reflections, 0..1.
        grain: the strength of the tool marks, as a share of the brightness.
        gloss: the strength of the lamps' reflections that have no tint, 0..1.
    """

    tint: tuple[float, float, float]
    roughness: float
    grain: float
    gloss: float


FINISHES = {
    "steel": Finish((0.84, 0.82, 0.80), 0.06, 0.10, 0.15),
    "zinc": Finish((0.88, 0.90, 0.87), 0.12, 0.06, 0.10),
    "yellow zinc": Finish((0.50, 0.76, 0.82), 0.10, 0.06, 0.15),
    "brass": Finish((0.36, 0.68, 0.86), 0.07, 0.08, 0.18),
    "copper": Finish((0.40, 0.54, 0.84), 0.08, 0.08, 0.15),
    "blackened": Finish((0.20, 0.19, 0.18), 0.14, 0.05, 0.16),
}
"""The metals that parts are made of."""


@dataclass(frozen=True, slots=True)
class Light:
    """The lamps over a belt, and the camera's direction.

    Attributes:
        mirror: (128, 128) float32, the brightness that a surface reflects, by its normal's x and y in -1..1.
        shade: the shift (x, y) of a shadow, px per px of height.
        lean: the shift (x, y) of an upright side's lower edge, px per px of height.
        shadow: the darkness of a shadow, 0..1.
    """

    mirror: Field
    shade: tuple[float, float]
    lean: tuple[float, float]
    shadow: float


@dataclass(frozen=True, slots=True)
class Patch:
    """A drawn part, ready to be laid on a belt.

    Attributes:
        bgr: the colours, (H, W, 3) float32 BGR, 0..1, multiplied by `alpha`.
        alpha: (H, W) float32, the share of each pixel that the part covers, 0..1.
        shadow: (H, W) float32, the share of the belt's light that is left, 0..1.
        xyxy: the part's box in the patch, px.
    """

    bgr: Field
    alpha: Field
    shadow: Field
    xyxy: tuple[int, int, int, int]


def draw_light(rng: np.random.Generator) -> Light:
    """Places a few soft lamps at random over a dim hall."""
    axis = np.linspace(-1, 1, _MIRROR, dtype=np.float32)
    nx, ny = np.meshgrid(axis, axis)
    nz = np.sqrt(np.maximum(1 - nx**2 - ny**2, 0.0))
    rx, ry, rz = 2 * nz * nx, 2 * nz * ny, 2 * nz**2 - 1
    main = rng.uniform(0, 2 * np.pi)
    mirror = 0.16 + 0.2 * (rz + 1) / 2 + 0.12 * (rx * np.cos(main) + ry * np.sin(main))
    for lamp in range(int(rng.integers(2, 5))):
        turn = main + (0 if lamp == 0 else rng.uniform(0, 2 * np.pi))
        along, across = rx * np.cos(turn) + ry * np.sin(turn), ry * np.cos(turn) - rx * np.sin(turn)
        centre, depth, length = rng.uniform(0.2, 0.85), rng.uniform(0.12, 0.3), rng.uniform(0.35, 0.9)
        box = _soft(depth - np.abs(along - centre)) * _soft(length - np.abs(across))
        mirror += (0.75 if lamp == 0 else rng.uniform(0.25, 0.5)) * box * (rz > -0.4)
    slope, lean = rng.uniform(0.25, 0.6), rng.uniform(0.15, 0.4)
    shade = (-slope * float(np.cos(main)), -slope * float(np.sin(main)))
    leant = (rng.uniform(-0.3, 0.3) * lean, lean)
    return Light(mirror.astype(np.float32), shade, leant, rng.uniform(0.45, 0.75))


def draw_part(rng: np.random.Generator, label: str, extent: float, light: Light) -> Patch:
    """Draws a part with random finish, proportions and direction.

    Args:
        rng: the random numbers.
        label: the class of the part, a key of `SHAPES`.
        extent: the part's length in its longest direction, px.
        light: the lamps over it.
    """
    grid = Grid.around(extent * OVERSAMPLING, rng.uniform(0, 2 * np.pi))
    relief = SHAPES[label](rng, grid)
    finish = FINISHES[str(rng.choice(list(FINISHES)))]
    top = _shaded(rng, relief, grid, finish, light)
    bgr, alpha = _with_wall(top, relief, grid, finish, light)
    size = -(-bgr.shape[1] // OVERSAMPLING), -(-bgr.shape[0] // OVERSAMPLING)
    bgr, alpha = (cv2.resize(a, size, interpolation=cv2.INTER_AREA).astype(np.float32) for a in (bgr, alpha))
    return _with_shadow(bgr, alpha, relief.lift * extent / 2, light)


def _soft(inside: Field) -> Field:
    """Returns 1 inside a lamp and 0 outside, with a soft rim: float32, 0..1.

    Args:
        inside: (N, N) float32, the distance from the lamp's rim, positive inside.
    """
    return (1 / (1 + np.exp(-inside * 14))).astype(np.float32)


def _reflect(mirror: Field, nx: NDArray[np.floating], ny: NDArray[np.floating]) -> Field:
    """Returns the brightness that a surface reflects, (N, N) float32.

    Args:
        mirror: (128, 128) float32, the brightness by normal, see `Light.mirror`.
        nx: (N, N), the x of the surface's normals, -1..1.
        ny: (N, N), the y of the surface's normals, -1..1.
    """
    half = np.float32((_MIRROR - 1) / 2)
    x, y = (np.asarray(n * half + half, np.float32) for n in (nx, ny))
    seen = cv2.remap(mirror, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float32)


def _blurred_mirror(light: Light, finish: Finish) -> Field:
    """Returns the brightness by normal for a metal, (128, 128) float32."""
    return np.asarray(cv2.GaussianBlur(light.mirror, (0, 0), finish.roughness * _MIRROR / 2), np.float32)


def _coloured(rng: np.random.Generator, seen: Field, finish: Finish) -> Field:
    """Returns the colour of metal that reflects the brightness `seen`, (N, N) float32: (N, N, 3) float32 BGR."""
    tint = np.array(finish.tint, np.float32) * rng.uniform(0.92, 1.06, 3).astype(np.float32)
    gloss = np.maximum(seen - 0.6, 0) * np.float32(finish.gloss * 3)
    return np.asarray(seen[..., None] * tint + gloss[..., None], np.float32)


def _shaded(rng: np.random.Generator, relief: Relief, grid: Grid, finish: Finish, light: Light) -> Field:
    """Returns the colour of a relief with lamps, tool marks, hollows and stains: (N, N, 3) float32 BGR."""
    smooth = cv2.GaussianBlur(relief.height, (0, 0), 1.0)
    gx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=grid.scale / 8)
    gy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=grid.scale / 8)
    steep = 1 / np.sqrt(1 + gx * gx + gy * gy)
    bent = rng.normal(0, 0.06, 2)  # a part never lies quite flat
    axis = np.linspace(-0.1, 0.1, gx.shape[0], dtype=np.float32)  # nor do all its points see the camera at one angle
    nx, ny = -gx * steep + axis + np.float32(bent[0]), -gy * steep + axis[:, None] + np.float32(bent[1])
    marks = rng.normal(0, 1, 512).astype(np.float32)
    mark = marks[(relief.grain * np.float32(rng.uniform(60, 110))).astype(np.int32) % 512]
    stains = cv2.resize(rng.normal(0, 1, (6, 6)).astype(np.float32), gx.shape[::-1], interpolation=cv2.INTER_CUBIC)
    seen = _reflect(_blurred_mirror(light, finish), nx, ny)
    hollow = np.maximum(cv2.GaussianBlur(relief.height, (0, 0), 0.07 * grid.scale) - relief.height, 0)
    seen *= np.clip(1 - 2.2 * hollow, 0.25, 1) * (1 + np.float32(finish.grain) * mark) * (1 + 0.07 * stains)
    return _coloured(rng, seen.astype(np.float32), finish)


def _with_wall(top: Field, relief: Relief, grid: Grid, finish: Finish, light: Light) -> tuple[Field, Field]:
    """Adds the upright side below a part's top.

    Args:
        top: (N, N, 3) float32 BGR, the colour of the top.
        relief: the part's surface.
        grid: the part's pixels.
        finish: the part's metal.
        light: the lamps over the part.

    Returns:
        The colours, (M, M, 3) float32 BGR, multiplied by alpha; and the alpha, (M, M) float32, 0..1.
    """
    length = relief.wall * grid.scale
    dx, dy = light.lean[0] * length, light.lean[1] * length
    rim = cv2.GaussianBlur(relief.alpha, (0, 0), 2.5)
    gx, gy = -cv2.Sobel(rim, cv2.CV_32F, 1, 0), -cv2.Sobel(rim, cv2.CV_32F, 0, 1)
    steep = np.float32(0.93) / np.maximum(np.hypot(gx, gy), 1e-4)
    seen = 0.75 * _reflect(_blurred_mirror(light, finish), gx * steep, gy * steep)
    side = seen[..., None] * np.array(finish.tint, np.float32)
    pad = int(np.ceil(max(abs(dx), abs(dy)))) + 1
    bgr = np.zeros((top.shape[0] + 2 * pad, top.shape[1] + 2 * pad, 3), np.float32)
    alpha = np.zeros(bgr.shape[:2], np.float32)
    steps = int(np.hypot(dx, dy) / OVERSAMPLING)
    for step in range(steps, -1, -1):
        part = step / max(steps, 1)
        x, y = pad + round(dx * part), pad + round(dy * part)
        layer = top if step == 0 else side * np.float32(1 - 0.45 * part)
        area = (slice(y, y + top.shape[0]), slice(x, x + top.shape[1]))
        bgr[area] += relief.alpha[..., None] * (layer - bgr[area])
        alpha[area] = np.maximum(alpha[area], relief.alpha)
    return bgr, alpha


def _with_shadow(bgr: Field, alpha: Field, lift: float, light: Light) -> Patch:
    """Adds the shadow of a part.

    Args:
        bgr: the colours, (H, W, 3) float32 BGR, multiplied by alpha.
        alpha: the share of each pixel that the part covers, (H, W) float32, 0..1.
        lift: the height of the part's bulk above the belt, px.
        light: the lamps over the part.
    """
    pad = int(lift) + 12
    bgr, alpha = np.pad(bgr, ((pad, pad), (pad, pad), (0, 0))), np.pad(alpha, pad)
    size = alpha.shape[::-1]
    shift = np.array([[1, 0, light.shade[0] * lift], [0, 1, light.shade[1] * lift]], np.float32)
    thrown = cv2.GaussianBlur(cv2.warpAffine(alpha, shift, size), (0, 0), 1.5 + 0.12 * lift)
    touching = cv2.GaussianBlur(alpha, (0, 0), 2.5 + 0.05 * lift)
    dark = np.clip(light.shadow * (thrown + 0.6 * touching), 0, 0.85)
    x, y, w, h = cv2.boundingRect((alpha > 0.4).astype(np.uint8))
    return Patch(bgr, alpha, (1 - dark).astype(np.float32), (x, y, x + w, y + h))
