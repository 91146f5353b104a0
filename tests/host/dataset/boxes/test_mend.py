from __future__ import annotations

import cv2
import pytest
from boxed import box, draw_photo, put_turned, seen

from edgetl.host.dataset.boxes.boxed_photo import BoxedPhoto
from edgetl.host.dataset.boxes.mend import mend, turn
from edgetl.host.dataset.photos import read_records
from edgetl.vision.photo import read_photo

W, H = 160, 120


def mended(home, *boxes, size_wh=(W, H), draw=(W, H), path=None):
    """One photo's clean boxes, and what was done."""
    path = path or draw_photo(home.photos / "a.jpg", size_wh=draw)
    photos = [BoxedPhoto(path, "", boxes, size_wh, "x")]
    done = mend(home.photos, photos, read_records(home.photos, [path]))
    return (done.photos[0].boxes if done.photos else None), done


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_are_rotated_like_the_pixels(tmp_path, orientation):
    path = put_turned(tmp_path / "a.png", orientation)
    assert turn((20, 30, 70, 50), (W, H), orientation) == seen(path)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("shrunk", [1, 2])
def test_boxes_annotated_on_the_stored_photo_are_rotated(empty_home, orientation, suffix, shrunk):
    path = put_turned(empty_home.photos / f"a{suffix}", orientation)
    annotated = box(xyxy=tuple(value / shrunk for value in (20, 30, 70, 50)))
    (clean,), done = mended(empty_home, annotated, size_wh=(W // shrunk, H // shrunk), path=path)
    assert clean.xyxy == seen(path)
    assert done.rotated == [path.name]
    assert done.photos[0].size_wh == (H, W)
    assert bool(done.rescaled) == (shrunk == 2)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_annotated_on_the_upright_photo_stay(empty_home, orientation):
    path = put_turned(empty_home.photos / "a.jpg", orientation)
    upright = read_photo(path).shape
    (clean,), done = mended(empty_home, box(xyxy=(5.0, 6.0, 70.0, 80.0)), size_wh=upright[1::-1], path=path)
    assert clean.xyxy == (5, 6, 70, 80)
    assert done.rotated == []
    assert done.unclear == (["a.jpg"] if orientation in (2, 3, 4) else [])


def test_a_photo_annotated_on_its_side_in_an_unknown_direction_is_left_out(empty_home):
    boxes, done = mended(empty_home, box(), size_wh=(H, W))
    assert boxes is None
    assert done.sideways == ["a.jpg"]


def test_boxes_annotated_at_another_size_are_rescaled(empty_home):
    (clean,), done = mended(empty_home, box(xyxy=(10.0, 20.0, 30.0, 40.0)), size_wh=(320, 480))
    assert clean.xyxy == (5, 5, 15, 10)
    assert done.rescaled == ["a.jpg: 320x480 to 160x120"]


def test_an_unknown_size_is_that_of_the_photo(empty_home):
    (clean,), done = mended(empty_home, box(), size_wh=None)
    assert clean == box()
    assert done.photos[0].size_wh == (W, H)


@pytest.mark.parametrize("xyxy", [(10, 10, 10, 40), (10, 40, 50, 40), (50, 10, 10, 40), (10, 40, 50, 10)])
def test_boxes_without_area_are_dropped(empty_home, xyxy):
    boxes, done = mended(empty_home, box(xyxy=xyxy))
    assert boxes == ()
    assert len(done.no_area) == 1
    assert done.no_area[0].startswith("a.jpg: ace ")


@pytest.mark.parametrize("xyxy", [(-50, 10, -1, 40), (160, 10, 200, 40), (10, 120, 40, 150), (10, -30, 40, 0)])
def test_boxes_outside_the_photo_are_dropped(empty_home, xyxy):
    boxes, done = mended(empty_home, box(xyxy=xyxy))
    assert boxes == ()
    assert (len(done.outside), done.clipped, done.no_area) == (1, [], [])


def test_boxes_that_reach_out_are_clipped(empty_home):
    boxes, done = mended(empty_home, box(xyxy=(-10, -0.2, 200, 50)), box(xyxy=(0, -0.4, 160.3, 120)))
    assert [clean.xyxy for clean in boxes] == [(0, 0, 160, 50), (0, 0, 160, 120)]
    assert done.clipped == ["a.jpg: ace -10,-0.2,200,50"]


def test_repeated_boxes_are_dropped(empty_home):
    boxes, done = mended(empty_home, box(), box(), box("king"), box(difficult=True))
    assert boxes == (box(), box("king"))
    assert len(done.repeated) == 2


def test_clipped_to_the_same_box_is_repeated(empty_home):
    boxes, done = mended(empty_home, box(xyxy=(0, 0, 999, 999)), box(xyxy=(0, 0, 888, 888)))
    assert (len(boxes), len(done.repeated)) == (1, 1)


def test_unreadable_photo_is_left_out_by_name(empty_home):
    path = draw_photo(empty_home.photos / "a.jpg")
    path.write_bytes(path.read_bytes()[:-100])
    boxes, done = mended(empty_home, box(), path=path)
    assert boxes is None
    assert done.unreadable == ["a.jpg: is truncated: its end is missing"]


def test_background_and_flags_are_kept(empty_home):
    boxes, done = mended(empty_home)
    assert boxes == ()
    assert len(done.records) == 1
    boxes, _ = mended(empty_home, box(crowd=True, difficult=True))
    assert (boxes[0].crowd, boxes[0].difficult) == (True, True)
    assert cv2.imread(str(empty_home.photos / "a.jpg")) is not None


@pytest.mark.parametrize(("shares", "unclear"), [(False, ["a.jpg"]), (True, [])])
def test_a_rotated_photo_of_unknown_annotated_size_is_reported(empty_home, shares, unclear):
    path = put_turned(empty_home.photos / "a.jpg", 6)
    photos = [BoxedPhoto(path, "", (box(xyxy=(1, 2, 30, 40)),), None, "x")]
    done = mend(empty_home.photos, photos, read_records(empty_home.photos, [path]), shares=shares)
    assert done.unclear == unclear
    assert done.photos[0].boxes[0].xyxy == (1, 2, 30, 40)


@pytest.mark.parametrize(("size_wh", "stretched"), [((320, 240), []), ((320, 480), ["a.jpg"])])
def test_a_photo_with_another_aspect_ratio_than_annotated_is_reported(empty_home, size_wh, stretched):
    _, done = mended(empty_home, box(xyxy=(20, 30, 70, 50)), size_wh=size_wh)
    assert done.stretched == stretched
