from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from boxed import coco_text, draw_photo, put, put_turned, put_voc, xml_text

from edgetl.card import InputSpec
from edgetl.errors import DatasetError
from edgetl.host.dataset import cache
from edgetl.host.dataset.boxes.load import load_boxed
from edgetl.host.dataset.boxes.split_boxed import rarest
from edgetl.vision.photo import read_photo
from edgetl.vision.preprocess import Preprocessor

SPEC = InputSpec(64, 64)
ROWS = [("ace", 10, 20, 60, 70), ("king", 80, 20, 130, 90)]


def draw_set(root, parts=("",), count=6, rows=ROWS):
    """Photos with their XML as `PART/PART0.jpg`, all different."""
    for seed, part in enumerate(parts):
        for i in range(count):
            put_voc(root / part / f"{part}{i}.jpg", rows, seed=100 * seed + i)
    return root


def names(photos):
    return [path.name for path in photos.paths]


def white(pixels):
    """Where the white box is in a model input, xyxy px."""
    ys, xs = np.nonzero(pixels[..., 0] > 180)
    return xs.min(), ys.min(), xs.max() + 1, ys.max() + 1


def only(root, spec, name):
    """One photo of a set: its input, its boxes and its truth."""
    data = load_boxed(root, spec)
    for side in (data.train, data.val):
        if name in names(side):
            at = names(side).index(name)
            return side.picture(at), side.boxes[at], side.truth[at]
    raise AssertionError(f"{name} is on no side")


def test_own_split_is_kept_whatever_fraction_and_seed_say(empty_home):
    root = draw_set(empty_home.photos, ("train", "val", "test"), count=3)
    data = load_boxed(root, SPEC, val_fraction=0.5, seed=9)
    for part, side in (("train", data.train), ("val", data.val), ("test", data.test)):
        assert names(side) == [f"{part}{i}.jpg" for i in range(3)]
    assert data.labels == ("ace", "king")
    assert (data.info.train, data.info.val, data.info.seed, data.info.val_fraction) == (3, 3, 9, 0.5)


@pytest.mark.parametrize("parts", [("train", "test"), ("", "test")])
def test_val_is_split_from_train_and_test_is_never_touched(empty_home, parts):
    root = draw_set(empty_home.photos, parts, count=10)
    for seed in range(5):
        data = load_boxed(root, SPEC, seed=seed)
        assert names(data.test) == [f"test{i}.jpg" for i in range(10)]
        assert (len(data.train), len(data.val)) == (8, 2)
        assert sorted(names(data.train) + names(data.val)) == [f"{parts[0]}{i}.jpg" for i in range(10)]


def test_pixels_boxes_and_truth_belong_to_the_paths(empty_home):
    rows = {f"{i}.jpg": [("ace", 10 + i, 20, 60 + i, 70)] for i in range(6)}
    for name, row in rows.items():
        put_voc(empty_home.photos / name, row)
    data = load_boxed(empty_home.photos, SPEC)
    expected = np.empty((64, 64, 3), np.uint8)
    for side in (data.train, data.val):
        assert len(side.batch(slice(None))) == len(side)
        for i, path in enumerate(side.paths):
            Preprocessor(SPEC)(read_photo(path, SPEC), expected)
            assert np.array_equal(side.picture(i), expected)
            assert np.array_equal(side.batch(np.array([i]))[0], expected)
            assert side.truth[i].xyxy.tolist() == [list(rows[path.name][0][1:])]
            assert side.truth[i].size_wh == (160, 120)


def test_same_seed_same_split(empty_home):
    root = draw_set(empty_home.photos, count=12)
    first, again, other = (load_boxed(root, SPEC, seed=seed) for seed in (3, 3, 4))
    assert first.val.paths == again.val.paths
    assert first.val.paths != other.val.paths
    assert first.info == again.info
    assert first.info.split != other.info.split
    assert first.info.fingerprint == other.info.fingerprint


def test_fraction_is_that_of_the_photos(empty_home):
    root = draw_set(empty_home.photos, count=20)
    assert [len(load_boxed(root, SPEC, val_fraction=f).val) for f in (0.1, 0.3, 0.5)] == [2, 6, 10]


def test_near_duplicates_lie_on_one_side(empty_home):
    root = draw_set(empty_home.photos, count=8)
    for i in range(8):
        image = read_photo(root / f"{i}.jpg")
        image[:5, :5] = 0
        cv2.imwrite(str(root / f"near{i}.png"), image)
        put(root / f"near{i}.xml", xml_text(f"near{i}.png", ROWS))
    for seed in range(8):
        data = load_boxed(root, SPEC, seed=seed)
        sides = [{path.stem.removeprefix("near") for path in side.paths} for side in (data.train, data.val)]
        assert sides[1]
        assert not sides[0] & sides[1]


@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
@pytest.mark.parametrize("size_wh", [(160, 120), (120, 160), (1600, 1200)])
def test_boxes_lie_on_the_things_in_the_input(empty_home, resize, size_wh):
    w, h = size_wh
    row = ("ace", w // 4, h // 2, w * 3 // 4, h * 3 // 4)
    put_white(empty_home.photos / "a.png", size_wh, row)
    draw_set(empty_home.photos, count=3)
    pixels, boxes, truth = only(empty_home.photos, InputSpec(96, 128, resize=resize), "a.png")
    assert boxes[0, 1:].tolist() == pytest.approx(white(pixels), abs=1.0)
    assert truth.xyxy[0].tolist() == list(row[1:])
    scales = (boxes[0, 3] - boxes[0, 1]) / (w / 2), (boxes[0, 4] - boxes[0, 2]) / (h / 4)
    if resize == "letterbox":
        assert scales[0] == pytest.approx(scales[1], rel=0.02)
    else:
        assert scales == pytest.approx((128 / w, 96 / h))


def put_white(path, size_wh, row, told_wh=None):
    """A black photo with a white box, its XML for another size if one is passed."""
    pixels = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    _, x1, y1, x2, y2 = row
    pixels[y1:y2, x1:x2] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels)
    w, h = told_wh or size_wh
    across, down = w / size_wh[0], h / size_wh[1]
    annotated = [(row[0], x1 * across, y1 * down, x2 * across, y2 * down)]
    put(path.with_suffix(".xml"), xml_text(path.name, annotated, (w, h)))


@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_boxes_of_a_rotated_photo(empty_home, resize, orientation):
    """The annotation is of the photo as stored for 6 and 8, whose size tells it; of the upright one for 3."""
    path = put_turned(empty_home.photos / "a.jpg", orientation)
    x1, y1, x2, y2 = (20, 30, 70, 50) if orientation != 3 else (160 - 70, 120 - 50, 160 - 20, 120 - 30)
    put(path.with_suffix(".xml"), xml_text("a.jpg", [("ace", x1, y1, x2, y2)]))
    draw_set(empty_home.photos, count=3)
    pixels, boxes, truth = only(empty_home.photos, InputSpec(128, 128, resize=resize), "a.jpg")
    assert boxes[0, 1:].tolist() == pytest.approx(white(pixels), abs=1.5)
    assert truth.size_wh == ((160, 120) if orientation == 3 else (120, 160))


def test_boxes_of_a_photo_annotated_at_another_size(empty_home):
    put_white(empty_home.photos / "a.png", (160, 120), ("ace", 40, 60, 120, 90), told_wh=(640, 480))
    draw_set(empty_home.photos, count=3)
    pixels, boxes, truth = only(empty_home.photos, InputSpec(96, 128), "a.png")
    assert boxes[0, 1:].tolist() == pytest.approx(white(pixels), abs=1.0)
    assert truth.xyxy[0].tolist() == [40, 60, 120, 90]


def test_crop_cuts_boxes_and_drops_those_it_leaves_little_of(empty_home):
    rows = [("ace", 0, 0, 60, 120), ("ace", 0, 0, 24, 50), ("ace", 60, 30, 90, 60)]
    put_voc(empty_home.photos / "a.jpg", rows)
    draw_set(empty_home.photos, count=3)
    _, boxes, truth = only(empty_home.photos, InputSpec(120, 120, resize="crop"), "a.jpg")  # 20 px go on either side
    assert boxes[:, 1:].tolist() == [[0, 0, 40, 120], [40, 30, 70, 60]]
    assert len(truth.xyxy) == 3


def test_difficult_boxes_and_crowds_are_in_the_truth_but_not_trained_on(empty_home):
    draw_set(empty_home.photos, count=3)
    put_voc(empty_home.photos / "a.jpg", ROWS, difficult=(1,))
    _, boxes, truth = only(empty_home.photos, SPEC, "a.jpg")
    assert boxes[:, 0].tolist() == [0]
    assert truth.class_id.tolist() == [0, 1]
    assert truth.ignore.tolist() == [False, True]


def test_crowds_of_coco(empty_home):
    photos = {f"{i}.jpg": ROWS for i in range(4)}
    for name in photos:
        draw_photo(empty_home.photos / name, ROWS)
    put(empty_home.photos / "all.json", coco_text(photos, crowd=(0,)))
    _, boxes, truth = only(empty_home.photos, SPEC, "0.jpg")
    assert boxes[:, 0].tolist() == [1]
    assert truth.ignore.tolist() == [True, False]


def test_class_that_is_only_difficult_is_no_label(empty_home):
    draw_set(empty_home.photos)
    put_voc(empty_home.photos / "a.jpg", [*ROWS, ("aardvark", 0, 0, 9, 9)], difficult=(2,))
    data = load_boxed(empty_home.photos, SPEC)
    assert data.labels == ("ace", "king")
    assert "classes with difficult boxes or crowds only, which are not trained: aardvark" in data.report.warnings
    _, boxes, truth = only(empty_home.photos, SPEC, "a.jpg")
    assert boxes[:, 0].tolist() == truth.class_id.tolist() == [0, 1]


def test_class_that_is_only_difficult_in_train(empty_home):
    root = draw_set(empty_home.photos, ("train", "val"))
    put_voc(root / "train" / "a.jpg", [("ten", 1, 2, 30, 40)], difficult=(0,))
    put_voc(root / "val" / "b.jpg", [("ten", 1, 2, 30, 40)])
    with pytest.raises(DatasetError, match="val/ has classes that train/ lacks: ten"):
        load_boxed(root, SPEC)


def test_nothing_but_difficult_boxes(empty_home):
    put_voc(empty_home.photos / "a.jpg", ROWS, difficult=(0, 1))
    with pytest.raises(DatasetError, match="every box is marked difficult or a crowd"):
        load_boxed(empty_home.photos, SPEC)


def test_background_photos_are_kept_and_shared_out(empty_home):
    root = draw_set(empty_home.photos, count=10)
    for i in range(10):
        put_voc(root / f"bare{i}.jpg", [], seed=500 + i)
    data = load_boxed(root, SPEC)
    assert (len(data.train), len(data.val)) == (16, 4)
    for side, count in ((data.train, 8), (data.val, 2)):
        assert (side.classes == -1).sum() == sum(len(boxes) == 0 for boxes in side.boxes) == count
        assert all(boxes.shape[1] == 5 for boxes in side.boxes)
    assert data.report.background == {"all": 10}


def test_most_boxes_and_padding(empty_home):
    root = draw_set(empty_home.photos, ("train", "val"))
    put_voc(root / "train" / "many.jpg", [*ROWS, ("ace", 0, 0, 9, 9)])
    data = load_boxed(root, SPEC)
    assert (data.train.most_boxes, data.val.most_boxes, data.test.most_boxes) == (3, 2, 0)
    many = data.train.boxes[names(data.train).index("many.jpg")]
    from edgetl.host.train.detector.batches import pad

    padded = pad(many, 5)
    assert np.array_equal(padded[:3], many)
    assert (padded[3:] == -1).all()
    assert np.array_equal(pad(many, 2), many[:2])  # the smallest gives way


def test_rarest():
    def rows(*classes):
        return np.array([[c, 0, 0, 9, 9] for c in classes], np.float32).reshape(-1, 5)

    assert rarest([rows(0, 0, 1), rows(0), rows(), rows(1, 2)]).tolist() == [1, 0, -1, 2]
    assert rarest([rows(), rows()]).tolist() == [-1, -1]
    assert rarest([]).tolist() == []


def test_every_class_is_trained_even_if_it_is_nowhere_the_rarest(empty_home):
    """`ten` has most boxes, all in one photo that counts as one of `king`'s."""
    tens = [("ten", 2 * i, 2, 2 * i + 9, 40) for i in range(12)]
    root = draw_set(empty_home.photos, count=4, rows=ROWS[:1])
    for i in range(4):
        put_voc(root / f"king{i}.jpg", ROWS[1:], seed=50 + i)
    put_voc(root / "tens.jpg", [ROWS[1], *tens])
    for seed in range(12):
        data = load_boxed(root, SPEC, seed=seed, val_fraction=0.4)
        trained = {data.labels[int(c)] for boxes in data.train.boxes for c in boxes[:, 0]}
        assert trained == {"ace", "king", "ten"}
        assert "tens.jpg" in names(data.train)
        assert len(data.val) >= 2


def test_class_in_one_photo_is_trained_whatever_the_seed(empty_home):
    root = draw_set(empty_home.photos, count=5)
    put_voc(root / "once.jpg", [("ten", 1, 2, 30, 40)])
    for seed in range(10):
        data = load_boxed(root, SPEC, seed=seed, val_fraction=0.5)
        assert "once.jpg" in names(data.train)
    assert "in one photo only, so never both trained and validated on: ten" in data.report.warnings


def test_nothing_to_validate_on(empty_home):
    put_voc(empty_home.photos / "a.jpg", ROWS)
    shutil.copy(empty_home.photos / "a.jpg", empty_home.photos / "b.jpg")
    put(empty_home.photos / "b.xml", xml_text("b.jpg", ROWS))
    with pytest.raises(DatasetError, match="there are no photos with boxes to validate on") as caught:
        load_boxed(empty_home.photos, SPEC)
    assert "none that are copies of each other" in caught.value.remedy


def test_val_of_its_own_without_boxes(empty_home):
    root = draw_set(empty_home.photos, ("train",))
    put_voc(root / "val" / "bare.jpg", [])
    with pytest.raises(DatasetError, match="there are no photos with boxes to validate on"):
        load_boxed(root, SPEC)


def test_second_load_reads_no_photo_and_moved_boxes_no_photo_either(empty_home, monkeypatch):
    root = draw_set(empty_home.photos)
    first = load_boxed(root, SPEC)

    def refuse(*_):
        raise AssertionError("a photo was read again")

    monkeypatch.setattr(cache, "read_record", refuse)
    again = load_boxed(root, SPEC)
    assert np.array_equal(first.train.batch(slice(None)), again.train.batch(slice(None)))
    assert again.info == first.info
    put(root / "0.xml", xml_text("0.jpg", [("ace", 11, 20, 60, 70), ROWS[1]]))
    moved = load_boxed(root, SPEC)
    assert moved.info.fingerprint != first.info.fingerprint
    assert moved.info.split == first.info.split


@pytest.mark.parametrize(
    "rows",
    [[("ace", 10, 20, 60, 71), ROWS[1]], [("king", 10, 20, 60, 70), ROWS[1]], ROWS[:1], [*ROWS, ("ace", 0, 0, 9, 9)]],
    ids=["moved", "renamed", "removed", "added"],
)
def test_fingerprint_changes_with_the_boxes(empty_home, rows):
    root = draw_set(empty_home.photos)
    first = load_boxed(root, SPEC).info.fingerprint
    put(root / "0.xml", xml_text("0.jpg", rows))
    assert load_boxed(root, SPEC).info.fingerprint != first
    put(root / "0.xml", xml_text("0.jpg", ROWS[::-1]))
    assert load_boxed(root, SPEC).info.fingerprint == first


def test_fingerprint_changes_with_a_mark_and_with_a_photo_but_not_with_a_name(empty_home):
    root = draw_set(empty_home.photos)
    first = load_boxed(root, SPEC).info.fingerprint
    put(root / "0.xml", xml_text("0.jpg", ROWS, difficult=(0,)))
    assert load_boxed(root, SPEC).info.fingerprint != first
    (root / "0.xml").unlink()
    (root / "0.jpg").rename(root / "z.jpg")
    put(root / "z.xml", xml_text("z.jpg", ROWS))
    assert load_boxed(root, SPEC).info.fingerprint == first
    draw_photo(root / "z.jpg", ROWS, seed=77)
    assert load_boxed(root, SPEC).info.fingerprint != first


def test_a_relative_folder_is_the_same_set(empty_home):
    root = draw_set(empty_home.photos)
    data = load_boxed(root, SPEC)
    relative = load_boxed(Path(os.path.relpath(root)), SPEC)
    assert (relative.info.fingerprint, relative.info.split) == (data.info.fingerprint, data.info.split)


def test_photo_that_does_not_open_is_on_no_side_unless_strict_refuses_it(empty_home):
    root = draw_set(empty_home.photos)
    (root / "3.jpg").write_bytes(b"junk")
    data = load_boxed(root, SPEC)
    assert len(data.train) + len(data.val) == 5
    assert "3.jpg" not in names(data.train) + names(data.val)
    with pytest.raises(DatasetError, match=r"1 file can't be read: 3.jpg: is not a JPEG") as caught:
        load_boxed(root, SPEC, strict=True)
    assert "--strict" in caught.value.remedy


def test_unusable_set_is_refused_as_by_the_check(empty_home):
    root = draw_set(empty_home.photos)
    put_voc(root / "x.jpg", [("Ace", 1, 2, 30, 40)])
    with pytest.raises(DatasetError, match="the classes 'Ace' and 'ace' differ only by case or spaces"):
        load_boxed(root, SPEC)


@pytest.mark.real_data
def test_real_cards_letterboxed(data_folder, empty_home):
    data = load_boxed(data_folder / "detection" / "cards", InputSpec(160, 160, resize="letterbox"))
    assert data.labels == ("ace", "jack", "king", "nine", "queen", "ten")
    assert len(data.test) == 67
    assert len(data.train) + len(data.val) == 296
    for side in (data.train, data.val, data.test):
        boxes = np.concatenate(side.boxes)[:, 1:]
        assert (boxes >= 0).all()
        assert (boxes <= 160).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_boxes_that_the_crop_cuts_off_are_reported(empty_home):
    for i in range(6):  # the photo is 160 x 120, of which crop takes the middle
        put_voc(empty_home.photos / f"{i}.jpg", [("edge", 0, 20, 18, 90), ("ace", 60, 20, 90, 70)], seed=i)
    warning = "the input leaves out 6 boxes at the edges of photos, among them all of: edge"
    assert warning in load_boxed(empty_home.photos, InputSpec(64, 64, resize="crop")).report.warnings
    assert not any("cut off" in line for line in load_boxed(empty_home.photos, SPEC).report.warnings)
