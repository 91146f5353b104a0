"""Near duplicates are told from other pictures by a few bits of their difference hashes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgetl.vision.near_duplicates import (
    NEAR_BITS,
    difference_hash,
    differing_bits,
    is_nearly_even,
    jpeg_hash,
    rough_hash,
)


@pytest.fixture(scope="module")
def scene():
    blocks = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    return cv2.resize(blocks, (640, 480), interpolation=cv2.INTER_CUBIC)


def test_a_copy_in_another_light_is_a_near_duplicate_and_another_scene_is_not(scene):
    darker, mirrored = (scene * 0.6).astype(np.uint8), cv2.flip(scene, 1)
    hashes = np.stack([difference_hash(picture) for picture in (scene, darker, mirrored)])
    same, dark, mirror = differing_bits(hashes[0], hashes).tolist()
    assert same == 0
    assert dark <= NEAR_BITS < mirror
    assert mirror == np.unpackbits(hashes[0] ^ hashes[2]).sum()


def test_no_other_hashes_give_no_distances(scene):
    assert differing_bits(difference_hash(scene), np.empty((0, 32), np.uint8)).tolist() == []


def test_a_covered_lens_is_nearly_even_in_spite_of_its_noise(scene):
    noise = np.random.default_rng(1).integers(0, 30, scene.shape, np.uint8)
    assert rough_hash(noise) is None
    assert is_nearly_even(noise)
    assert is_nearly_even(np.full_like(scene, 200))
    assert not is_nearly_even(scene)


@pytest.mark.parametrize("size", [(640, 480), (1919, 1081), (90, 70)])
def test_the_hashes_that_take_less_time_are_nearly_the_exact_one(scene, size):
    picture = cv2.resize(scene, size)
    exact = difference_hash(picture)
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    rough, of_file = rough_hash(picture), jpeg_hash(data)
    assert differing_bits(exact, np.stack([rough]))[0] <= NEAR_BITS
    decoded = difference_hash(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
    assert differing_bits(of_file, decoded[None])[0] <= 1


def test_a_damaged_jpeg_has_no_hash():
    assert jpeg_hash(b"\xff\xd8 and no more") is None
