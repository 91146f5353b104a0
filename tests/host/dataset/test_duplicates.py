from __future__ import annotations

import shutil
import tracemalloc

import cv2
import numpy as np
import pytest
from homes import draw_folders, draw_shape

from edgetl.host.dataset.check_folders import check_folders as check
from edgetl.host.dataset.duplicates import near_groups, near_pairs
from edgetl.host.dataset.photos import Record
from edgetl.vision.near_duplicates import NEAR_BITS


@pytest.fixture
def photos(empty_home):
    return draw_folders(empty_home.photos, 8)


def test_distinct_photos_are_no_duplicates(empty_home):
    report = check(draw_folders(empty_home.photos, 40))
    assert report.photos == 120
    assert (report.exact_duplicates, report.near_duplicates, report.conflicts, report.leaks) == ([], [], [], [])


def test_same_content_within_a_class(photos):
    shutil.copy(photos / "disc" / "00.jpg", photos / "disc" / "90.jpg")
    shutil.copy(photos / "disc" / "00.jpg", photos / "disc" / "91.jpg")
    report = check(photos)
    assert report.exact_duplicates == [["disc/00.jpg", "disc/90.jpg", "disc/91.jpg"]]
    assert (report.near_duplicates, report.conflicts, report.problems) == ([], [], [])


def test_same_content_across_classes_is_a_conflict(photos):
    shutil.copy(photos / "disc" / "00.jpg", photos / "square" / "90.jpg")
    report = check(photos)
    assert report.conflicts == report.exact_duplicates == [["disc/00.jpg", "square/90.jpg"]]
    assert "duplicates in different classes: 1 group" in report.warnings
    assert report.problems == []


def test_same_content_across_train_and_val_is_a_leak(empty_home):
    root = empty_home.photos
    draw_folders(root / "train", 4)
    draw_folders(root / "val", 4, seed=1)
    shutil.copy(root / "train" / "disc" / "00.jpg", root / "val" / "disc" / "90.jpg")
    report = check(root)
    assert report.leaks == [["train/disc/00.jpg", "val/disc/90.jpg"]]
    assert any("different parts of the split" in text for text in report.warnings)
    assert report.conflicts == []


def brighter(image):
    return cv2.convertScaleAbs(image, alpha=1.0, beta=18)


def smaller(image):
    return cv2.resize(image, (120, 90), interpolation=cv2.INTER_AREA)


VARIATIONS = {
    "re-encoded": lambda image: cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1],
    "brighter": lambda image: cv2.imencode(".png", brighter(image))[1],
    "darker": lambda image: cv2.imencode(".png", cv2.convertScaleAbs(image, alpha=0.8))[1],
    "smaller": lambda image: cv2.imencode(".png", smaller(image))[1],
}


@pytest.mark.parametrize("kind", VARIATIONS)
def test_near_duplicates(photos, kind):
    image = cv2.imread(str(photos / "disc" / "03.jpg"))
    (photos / "square" / "90.png").write_bytes(VARIATIONS[kind](image).tobytes())
    report = check(photos)
    assert report.near_duplicates == report.conflicts == [["disc/03.jpg", "square/90.png"]]
    assert report.exact_duplicates == []


def test_even_pictures_are_not_compared(photos):
    for number, grey in enumerate((20, 120, 230)):
        cv2.imwrite(str(photos / "disc" / f"9{number}.png"), np.full((120, 160, 3), grey, np.uint8))
    assert check(photos).near_duplicates == []


def record(number, bits):
    return Record("", str(number), 1, 1, bits.tobytes().hex())


def components(near):
    """The groups of two or more that a boolean matrix joins, by repeated squaring."""
    reach = near
    while not np.array_equal(reach, further := reach @ reach):
        reach = further
    return sorted({tuple(np.flatnonzero(row).tolist()) for row in reach if row.sum() > 1})


def test_near_groups_equal_those_of_comparing_all_pairs():
    rng = np.random.default_rng(4)
    hashes = [rng.integers(0, 256, 32, np.uint8) for _ in range(60)]
    for _ in range(150):  # neighbours at every distance around the limit
        bits = hashes[rng.integers(60)].copy()
        for bit in rng.permutation(256)[: rng.integers(0, 2 * NEAR_BITS)]:
            bits[bit // 8] ^= 1 << (bit % 8)
        hashes.append(bits)
    records = [record(i, bits) for i, bits in enumerate(hashes)]
    bits = np.unpackbits(np.stack(hashes), axis=1)
    distance = (bits[:, None] != bits[None]).sum(axis=2)
    expected = components(distance <= NEAR_BITS)
    assert len(expected) > 20
    assert [tuple(group) for group in near_groups(records)] == expected
    pairs = near_pairs(records)
    assert all(distance[pair] <= NEAR_BITS for pair in pairs)
    assert len(pairs) == sum(len(group) - 1 for group in expected)


@pytest.mark.slow
def test_frames_of_a_still_film_are_one_group():
    """The pairs of 10,000 frames would be 50 million."""
    rng = np.random.default_rng(0)
    base = np.unpackbits(rng.integers(0, 256, 32, np.uint8))
    noise = (rng.permuted(np.arange(256)[None].repeat(10_000, 0), axis=1) < 2).astype(np.uint8)
    records = [record(i, bits) for i, bits in enumerate(np.packbits(base ^ noise, axis=1))]
    tracemalloc.start()
    groups = near_groups(records)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert list(map(len, groups)) == [10_000]
    assert peak < 100e6


def test_copies_of_a_near_duplicate_are_listed_once(photos):
    image = cv2.imread(str(photos / "disc" / "03.jpg"))
    (photos / "disc" / "90.png").write_bytes(VARIATIONS["brighter"](image).tobytes())
    shutil.copy(photos / "disc" / "90.png", photos / "disc" / "91.png")
    report = check(photos)
    assert report.exact_duplicates == [["disc/90.png", "disc/91.png"]]
    assert report.near_duplicates == [["disc/03.jpg", "disc/90.png"]]


@pytest.mark.parametrize(("added", "near"), [(1, True), (6, True), (7, False)])
def test_six_bits_are_near_and_seven_are_not(added, near):
    bits = np.tile([0, 1], 128).astype(np.uint8)
    other = bits.copy()
    other[: 2 * added : 2] = 1  # all in one direction, so that the bit counts lie apart too
    hashes = [np.packbits(row).tobytes().hex() for row in (bits, other)]
    records = [Record("", str(i), 1, 1, bits) for i, bits in enumerate(hashes)]
    assert near_pairs(records) == ([(0, 1)] if near else [])


def test_different_shapes_are_not_near_duplicates():
    rng = np.random.default_rng(0)
    assert not np.array_equal(draw_shape("disc", rng), draw_shape("disc", rng))
