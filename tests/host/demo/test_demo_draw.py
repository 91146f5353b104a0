from itertools import pairwise

import cv2
import numpy as np
import pytest

from edgetl.errors import EdgetlError
from edgetl.host.dataset.boxes.check import check_boxes
from edgetl.host.dataset.boxes.read import read_boxed
from edgetl.host.demo.draw import PARTS, draw_boxed, draw_boxed_film, draw_film, draw_photos, draw_scene

SIZE = (160, 120)


def contents(root, kind="*.jpg"):
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob(kind) if file.is_file()}


def frames_of(path):
    film = cv2.VideoCapture(str(path))
    frames = []
    while (read := film.read())[0]:
        frames.append(read[1])
    film.release()
    return frames


def apart(a, b):
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def stands_out(image, boxes):
    """How much more the picture differs from its belt inside the boxes than outside."""
    inside = np.zeros(image.shape[:2], bool)
    for x0, y0, x1, y1 in np.array(boxes, int):
        inside[y0:y1, x0:x1] = True
    contrast = cv2.absdiff(image, np.full_like(image, np.median(image[~inside], axis=0).astype(np.uint8))).max(-1)
    return contrast[inside].mean() / contrast[~inside].mean()


def test_photos_lie_in_class_folders_and_depend_on_the_seed_alone(tmp_path):
    for name, seed in (("one", 7), ("again", 7), ("other", 8)):
        draw_photos(tmp_path / name, per_class=2, seed=seed, size_wh=SIZE)
    one = contents(tmp_path / "one")
    assert sorted(one) == [f"{label}/{label}_000{n}.jpg" for label in sorted(PARTS) for n in (1, 2)]
    assert one == contents(tmp_path / "again")
    assert not set(one.values()) & set(contents(tmp_path / "other").values())
    photo = cv2.imread(str(tmp_path / "one" / "nut" / "nut_0001.jpg"))
    assert photo.shape == (120, 160, 3)


def test_drawing_more_photos_does_not_change_the_first_ones(tmp_path):
    draw_photos(tmp_path / "few", per_class=1, seed=3, size_wh=SIZE)
    draw_photos(tmp_path / "more", per_class=2, seed=3, size_wh=SIZE)
    assert contents(tmp_path / "few").items() <= contents(tmp_path / "more").items()


@pytest.mark.parametrize("label", PARTS)
def test_a_part_lies_inside_the_picture_at_a_size_to_recognise(label):
    for seed in range(5):
        image, (placed,) = draw_scene(np.random.default_rng(seed), (320, 240), [label])
        x0, y0, x1, y1 = placed.xyxy
        assert (image.shape, image.dtype, placed.label) == ((240, 320, 3), np.uint8, label)
        assert 0 <= x0 < x1 <= 320
        assert 0 <= y0 < y1 <= 240
        assert 0.25 * 240 <= max(x1 - x0, y1 - y0) <= 0.95 * 240


def test_a_box_encloses_the_pixels_of_its_part():
    differing = 0
    for seed in range(6):
        belt, _ = draw_scene(np.random.default_rng(seed), SIZE, [])
        image, (placed,) = draw_scene(np.random.default_rng(seed), SIZE, ["washer"])
        x0, y0, x1, y1 = (int(value) for value in placed.xyxy)
        border = np.ones(image.shape[:2], bool)
        border[y0:y1, x0:x1] = False
        contrast = cv2.absdiff(image, np.full_like(image, np.median(image[border], axis=0).astype(np.uint8))).max(-1)
        differing += contrast[~border].mean() > 1.5 * contrast[border].mean()
        assert belt.shape == image.shape
    assert differing >= 5  # a blackened part on a black belt may pass unseen


def test_the_parts_of_a_scene_do_not_overlap():
    labels = [*PARTS, "nut", "bolt"]
    _, placed = draw_scene(np.random.default_rng(1), (640, 480), labels)
    assert [part.label for part in placed] == labels
    for index, part in enumerate(placed):
        for other in placed[:index]:
            assert apart(part.xyxy, other.xyxy)


def test_boxed_photos_are_a_usable_data_set_of_one_to_five_parts(tmp_path, empty_home):
    draw_boxed(tmp_path / "parts", 24, seed=3, size_wh=SIZE)
    checked = check_boxes(tmp_path / "parts")
    report = checked.report
    assert (report.format, report.photos, report.problems) == ("Pascal VOC", {"all": 24}, [])
    assert (report.mended, report.notes, report.background) == ({}, [], {})
    assert set(report.classes) == set(PARTS)
    counts = [len(photo.boxes) for photo in checked.photos]
    assert (min(counts), max(counts)) == (1, 5)
    assert report.boxes == sum(counts)
    for photo in checked.photos:
        assert photo.size_wh == SIZE
        boxes = [box.xyxy for box in photo.boxes]
        assert all(apart(a, b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_boxes_of_drawn_photos_lie_on_the_parts(tmp_path):
    draw_boxed(tmp_path / "parts", 20, seed=1)
    ratios, shifted = [], []
    for photo in read_boxed(tmp_path / "parts").photos:
        image = cv2.imread(str(photo.path))
        assert image.shape == (240, 320, 3)
        boxes = np.array([box.xyxy for box in photo.boxes])
        ratios.append(stands_out(image, boxes))
        aside = boxes - np.repeat((boxes[:, 2:] - boxes[:, :2])[:, None] / 2, 2, axis=1).reshape(-1, 4)
        shifted.append(stands_out(image, aside.clip(0)))
    assert np.median(ratios) > 1.5
    assert np.median(ratios) > 1.3 * np.median(shifted)


def test_boxed_photos_depend_only_on_seed_and_number(tmp_path):
    for name, photos, seed in (("one", 4, 7), ("again", 4, 7), ("more", 6, 7), ("other", 4, 8)):
        draw_boxed(tmp_path / name, photos, seed, size_wh=SIZE)
    one = contents(tmp_path / "one", "*")
    assert sorted(one) == [
        *(f"Annotations/parts_000{n}.xml" for n in range(1, 5)),
        *(f"JPEGImages/parts_000{n}.jpg" for n in range(1, 5)),
    ]
    assert one == contents(tmp_path / "again", "*")
    assert one.items() <= contents(tmp_path / "more", "*").items()
    assert not set(one.values()) & set(contents(tmp_path / "other", "*").values())


def test_boxed_photos_replace_the_earlier_ones_whole(tmp_path, monkeypatch):
    root = tmp_path / "parts"
    draw_boxed(root, 3, seed=1, size_wh=SIZE)
    draw_boxed(root, 2, seed=2, size_wh=SIZE)
    before = contents(root, "*")
    assert len(before) == 4

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("edgetl.host.demo.draw.voc.write", fail)
    with pytest.raises(KeyboardInterrupt):
        draw_boxed(root, 3, seed=3, size_wh=SIZE)
    assert contents(root, "*") == before
    assert list(tmp_path.iterdir()) == [root]


def test_a_boxed_film_has_several_parts_in_sight_in_every_frame(tmp_path):
    path = tmp_path / "belt.mp4"
    placed = draw_boxed_film(path, seconds=4, fps=10, seed=2, size_wh=(320, 240))
    frames = frames_of(path)
    assert len(frames) == len(placed) == 40
    assert {part.label for parts in placed for part in parts} == set(PARTS)
    for parts in placed:
        assert 2 <= len(parts) <= 6
        for i, part in enumerate(parts):
            x0, y0, x1, y1 = part.xyxy
            assert 0 <= x0 < x1 <= 320
            assert 0 < y0 < y1 < 240
            assert all(apart(part.xyxy, other.xyxy) for other in parts[:i])
    assert np.mean([len(parts) for parts in placed]) > 3
    ratios = [stands_out(frame, [part.xyxy for part in parts]) for frame, parts in zip(frames, placed, strict=True)]
    assert np.median(ratios) > 1.5


def test_the_parts_of_a_boxed_film_move_with_the_belt(tmp_path):
    placed = draw_boxed_film(tmp_path / "belt.mp4", seconds=2, fps=10, seed=5, size_wh=(320, 240))
    step = 0.26 * 320 / 4  # a part's spacing in 0.4 s
    followed = 0
    for parts, later in pairwise(placed):
        for part in parts:
            x0, y0, x1, y1 = part.xyxy
            if x0 - step > 1 and x1 < 320:
                at = [other.xyxy for other in later if other.label == part.label and other.xyxy[1::2] == (y0, y1)]
                assert any(abs(x0 - step - other[0]) <= 1.5 for other in at)
                followed += 1
    assert followed > 30


def test_a_film_holds_its_frames_and_shows_every_class(tmp_path):
    path = tmp_path / "films" / "belt.mp4"
    passing = draw_film(path, seconds=7.5, fps=8, seed=2, size_wh=SIZE)
    frames = frames_of(path)
    assert (len(frames), frames[0].shape) == (60, (120, 160, 3))
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) == 8
    assert {label for _, label in passing} == set(PARTS)
    assert [frame for frame, _ in passing] == sorted({frame for frame, _ in passing})
    assert 0 < passing[0][0] < passing[-1][0] < 60
    assert [file.name for file in path.parent.iterdir()] == ["belt.mp4"]


@pytest.mark.parametrize("draw", [draw_film, draw_boxed_film])
def test_a_film_depends_on_the_seed_alone(tmp_path, draw):
    names = {"one.mp4": 4, "again.mp4": 4, "other.mp4": 5}
    one, again, _ = (draw(tmp_path / name, 1.5, 8, seed=seed, size_wh=SIZE) for name, seed in names.items())
    assert one == again
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "again.mp4").read_bytes()
    assert (tmp_path / "one.mp4").read_bytes() != (tmp_path / "other.mp4").read_bytes()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EdgetlError, match="can't write") as photos:
        draw_photos(tmp_path / "file" / "photos", per_class=1, seed=1, size_wh=SIZE)
    with pytest.raises(EdgetlError, match="can't write"):
        draw_boxed(tmp_path / "file" / "photos", photos=1, seed=1, size_wh=SIZE)
    with pytest.raises(EdgetlError, match="can't write") as film:
        draw_film(tmp_path / "file" / "belt.mp4", 1, 8, seed=1, size_wh=SIZE)
    assert photos.value.remedy
    assert film.value.remedy
    assert film.value.where.endswith("belt.mp4")


def test_a_film_without_an_encoder_is_refused_and_leaves_the_earlier_one(tmp_path):
    path = tmp_path / "belt.mp4"
    path.write_text("the earlier film")
    with pytest.raises(EdgetlError) as error:
        draw_film(path, 1, 0, seed=1, size_wh=SIZE)
    assert error.value.remedy
    assert path.read_text() == "the earlier film"
    assert list(tmp_path.iterdir()) == [path]
