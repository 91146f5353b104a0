"""Augmentation moves boxes with their pixels."""

from __future__ import annotations

import numpy as np
import pytest

from edgetl.host.train.detector.augment import BoxAugment

SIDE = 160
GREY = 114


def photo(rng, level=255):
    """A dark picture with one bright rectangle, and its box as class 3."""
    pixels = np.full((SIDE, SIDE, 3), 30, np.uint8)
    w, h = rng.integers(30, 70, 2).tolist()
    x, y = int(rng.integers(5, SIDE - w - 5)), int(rng.integers(5, SIDE - h - 5))
    pixels[y : y + h, x : x + w] = level
    return pixels, np.array([[3, x, y, x + w, y + h]], np.float32)


def bright(pixels, level=255):
    """The xyxy of what is nearer to a level than to anything else here."""
    rows, columns = np.nonzero(np.abs(pixels[..., 0].astype(int) - level) < 40)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


@pytest.mark.parametrize("seed", range(40))
def test_a_box_moves_with_its_object(seed):
    rng = np.random.default_rng(seed)
    pixels, boxes = photo(rng)
    out, moved = BoxAugment().one(rng, pixels, boxes)
    assert out.shape == pixels.shape
    if len(moved):
        assert moved[0, 0] == 3
        np.testing.assert_allclose(moved[0, 1:], bright(out), atol=1.6)


@pytest.mark.parametrize("seed", range(20))
def test_the_boxes_of_a_mosaic_lie_on_their_objects(seed):
    rng = np.random.default_rng(seed)
    levels = (240, 200, 160, 70)
    photos = [photo(rng, level) for level in levels]
    for k, (_, boxes) in enumerate(photos):
        boxes[:, 0] = k
    out, moved = BoxAugment().four(rng, photos)
    assert out.shape == (SIDE, SIDE, 3)
    assert len(moved) >= 1
    for row in moved:
        k, (x1, y1, x2, y2) = int(row[0]), row[1:]
        middle = out[int((y1 + y2) / 2), int((x1 + x2) / 2), 0]
        assert abs(int(middle) - levels[k]) < 12
        assert 0 <= x1 < x2 <= SIDE
        assert 0 <= y1 < y2 <= SIDE


def test_boxes_that_are_nearly_cut_off_are_dropped():
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    boxes = np.array([[0, 0, 0, 8, 8], [1, 60, 60, 100, 100]], np.float32)
    zoomed = BoxAugment(flip=False, smallest=1.6, largest=1.6)
    lost = 0
    for seed in range(30):
        _, moved = zoomed.one(np.random.default_rng(seed), pixels, boxes)
        kept = moved[moved[:, 0] == 0]
        lost += not len(kept)
        assert all((kept[:, 3:] - kept[:, 1:3]).prod(axis=1) >= 0.25 * 12.8**2 - 1e-3)
    assert lost > 10


def test_a_photo_without_boxes_stays_without_boxes():
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    none = np.empty((0, 5), np.float32)
    rng = np.random.default_rng(0)
    assert BoxAugment().one(rng, pixels, none)[1].shape == (0, 5)
    assert BoxAugment().four(rng, [(pixels, none)] * 4)[1].shape == (0, 5)


def test_equal_random_numbers_give_equal_pictures():
    rng = np.random.default_rng(5)
    pixels, boxes = photo(rng)
    first, second = (BoxAugment().one(np.random.default_rng(9), pixels, boxes) for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
