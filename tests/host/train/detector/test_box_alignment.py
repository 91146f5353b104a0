"""Boxes lie within a tenth of an input pixel on what they enclose, in every step from the photo file to training.

A drawn rectangle has soft edges, so that it is never sampled too coarsely; summing up its pixels gives the position of
each edge to a few hundredths of a pixel. An offset of half a pixel would cost the high IoUs and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from boxed import put, xml_text
from PIL import Image

from edgetl.card import InputSpec
from edgetl.host.dataset.boxes.load import load_boxed
from edgetl.host.train.detector.augment import BoxAugment
from edgetl.vision.letterbox import layout, place

GREY, BRIGHT = 114, 224
SIDE = 128
LIMIT = 0.1
TURNED = {
    1: None,
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How the pixels of an upright photo are stored with an EXIF orientation."""


def step_up(length, edge, softness):
    """(length,) 0..1: how much of each pixel lies behind a soft edge."""
    return np.array([0.5 * (1 + math.erf((i + 0.5 - edge) / softness / math.sqrt(2))) for i in range(length)])


def draw(size_wh, box, softness):
    x1, y1, x2, y2 = box
    across = step_up(size_wh[0], x1, softness) - step_up(size_wh[0], x2, softness)
    down = step_up(size_wh[1], y1, softness) - step_up(size_wh[1], y2, softness)
    grey = (GREY + (BRIGHT - GREY) * np.outer(down, across)).round().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def edges(pixels, box, reach=8.0):
    """The left, top, right and bottom edge of the rectangle that lies near a box, px."""
    share = (pixels[..., 0].astype(float) - GREY) / (BRIGHT - GREY)
    x1, y1, x2, y2 = box.tolist()
    x, y = round((x1 + x2) / 2), round((y1 + y2) / 2)
    left, right = ends(share[y - 2 : y + 3].mean(axis=0), x, x1 - reach, x2 + reach)
    top, bottom = ends(share[:, x - 2 : x + 3].mean(axis=1), y, y1 - reach, y2 + reach)
    return np.array([left, top, right, bottom])


def ends(line, middle, start, stop):
    return middle - line[max(0, int(start)) : middle].sum(), middle + line[middle : math.ceil(stop)].sum()


def random_box(rng, size_wh):
    width, height = size_wh
    w, h = rng.uniform(0.2, 0.4, 2) * size_wh
    x, y = rng.uniform(0.15 * width, 0.85 * width - w), rng.uniform(0.15 * height, 0.85 * height - h)
    return np.array([x, y, x + w, y + h]).round(2)


@dataclass
class Kind:
    suffix: str
    orientation: int = 1


@pytest.mark.parametrize("resize", ["letterbox", "stretch", "crop"])
@pytest.mark.parametrize("kind", [Kind(".png"), *(Kind(".jpg", turn) for turn in TURNED)], ids=str)
def test_the_boxes_of_a_photo_lie_on_its_pixels_in_the_cache_and_map_back(tmp_path, kind, resize):
    rng = np.random.default_rng(0)
    spec = InputSpec(SIDE, SIDE, resize=resize)
    factors = set()
    for size_wh in ((320, 240), (333, 517), (641, 479), (1023, 770), (1535, 1150), (150, 131)):
        box = random_box(rng, size_wh)
        picture = Image.fromarray(draw(size_wh, box, max(size_wh) / SIDE))
        turn = TURNED[kind.orientation]
        exif = Image.Exif()
        exif[0x112] = kind.orientation
        photo = tmp_path / f"{size_wh[0]}{kind.suffix}"
        (picture.transpose(turn) if turn is not None else picture).save(photo, quality=98, exif=exif)
        put(photo.with_suffix(".xml"), xml_text(photo.name, [("ace", *box)], size_wh))
        factors.add(layout(size_wh[1], size_wh[0], spec).factor)
    assert {1, 2, 4} <= factors
    data = load_boxed(tmp_path, spec, val_fraction=0.5)
    for part in (data.train, data.val):
        for k, (boxes, truth) in enumerate(zip(part.boxes, part.truth, strict=True)):
            found = edges(part.picture(k), boxes[0, 1:])
            assert np.abs(found - boxes[0, 1:]).max() < LIMIT, part.paths[k].name
            width, height = truth.size_wh
            assert np.abs(place(height, width, spec).to_frame(boxes[:, 1:]) - truth.xyxy).max() < 0.01


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.0, 1.6])
@pytest.mark.parametrize("flip", [False, True])
def test_a_box_stays_on_its_pixels_when_a_photo_is_flipped_and_zoomed(scale, flip):
    rng = np.random.default_rng(1)
    augment = BoxAugment(flip, scale, scale)
    errors = []
    for _ in range(60):
        box = random_box(rng, (SIDE, SIDE))
        pixels, moved = augment.one(rng, draw((SIDE, SIDE), box, 1.0), np.array([[0, *box]], np.float32))
        errors += [edges(pixels, row[1:]) - row[1:] for row in moved if whole(row, (0, 0, SIDE, SIDE))]
    assert len(errors) > 10
    assert np.abs(errors).max() < LIMIT
    assert np.abs(np.mean(errors, axis=0)).max() < LIMIT / 5


def test_the_boxes_of_a_mosaic_stay_on_their_pixels():
    rng = np.random.default_rng(2)
    errors = []
    for _ in range(40):
        boxes = [random_box(rng, (SIDE, SIDE)) for _ in range(4)]
        photos = [(draw((SIDE, SIDE), box, 1.0), np.array([[i, *box]], np.float32)) for i, box in enumerate(boxes)]
        at = corner(rng)
        pixels, moved = BoxAugment().four(rng, photos)
        for row in moved:
            right, below = int(row[0]) % 2, int(row[0]) // 2
            x1, x2 = (at[0], SIDE) if right else (0, at[0])
            y1, y2 = (at[1], SIDE) if below else (0, at[1])
            if whole(row, (x1, y1, x2, y2)):
                inside = row[1:] - np.array([x1, y1, x1, y1])
                errors.append(edges(pixels[y1:y2, x1:x2], inside) - inside)
    assert len(errors) > 10
    assert np.abs(errors).max() < LIMIT
    assert np.abs(np.mean(errors, axis=0)).max() < LIMIT / 5


def corner(rng):
    """The point at which the next mosaic's four photos meet, which leaves the random numbers as they are."""
    ahead = np.random.default_rng()
    ahead.bit_generator.state = rng.bit_generator.state
    return int(ahead.uniform(0.3, 0.7) * SIDE), int(ahead.uniform(0.3, 0.7) * SIDE)


def whole(row, window):
    """Says whether a box lies in a window with its soft edges, and is large enough to be measured."""
    _, x1, y1, x2, y2 = row.tolist()
    left, top, right, bottom = window
    inside = min(x1 - left, y1 - top, right - x2, bottom - y2) >= 5
    return inside and min(x2 - x1, y2 - y1) >= 14
