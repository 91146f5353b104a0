"""Blurred photos and near duplicates are noticed, and good photos are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from fakes import scene

from edgetl.device.capture.photo_check import PhotoCheck, blur


@pytest.mark.parametrize("size_wh", [(320, 240), (640, 480), (1280, 720)])
def test_the_blur_separates_sharp_pictures_from_blurred_ones_at_any_size(size_wh):
    sharp = [scene(seed, size_wh) for seed in range(5)]
    deviation = 0.006 * size_wh[0]
    blurred = [cv2.GaussianBlur(picture, (0, 0), deviation) for picture in sharp]
    assert max(map(blur, sharp)) < 0.6
    assert min(map(blur, blurred)) > 0.7


def test_a_photo_is_compared_with_the_ones_that_were_taken_before(tmp_path):
    check = PhotoCheck(tmp_path / "none")
    for seed in range(8):
        assert not check(scene(seed)), seed
        check.add(scene(seed))
    assert check(scene(3)) == ["near duplicate"]
    assert check((scene(3) * 0.9).astype(np.uint8)) == ["near duplicate"]
    assert check(cv2.blur(scene(20), (13, 1))) == ["blurred"], "a little less sharp than the others"
    assert check(np.full((480, 640, 3), 40, np.uint8)) == ["even"]


def test_photos_that_are_in_the_folder_count_and_damaged_files_do_not_matter(tmp_path):
    cv2.imwrite(str(tmp_path / "there.jpg"), scene(1))
    (tmp_path / "damaged.jpg").write_bytes(b"\xff\xd8 no photo")
    check = PhotoCheck(tmp_path)
    assert check(scene(1)) == ["near duplicate"]
    assert not check(scene(2))
