import cv2
import numpy as np
import pytest

from edgetl.errors import EdgetlError
from edgetl.host.demo.draw import PARTS, draw_film, draw_photos, draw_scene

SIZE = (160, 120)


def contents(root):
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*.jpg")}


def test_photos_lie_in_class_folders_and_depend_on_the_seed_alone(tmp_path):
    for name, seed in (("one", 7), ("again", 7), ("other", 8)):
        draw_photos(tmp_path / name, per_class=2, seed=seed, size_wh=SIZE)
    one = contents(tmp_path / "one")
    assert sorted(one) == [f"{label}/{label}_000{n}.jpg" for label in sorted(PARTS) for n in (1, 2)]
    assert one == contents(tmp_path / "again")
    assert not set(one.values()) & set(contents(tmp_path / "other").values())
    photo = cv2.imread(str(tmp_path / "one" / "nut" / "nut_0001.jpg"))
    assert photo.shape == (120, 160, 3)


def test_more_photos_leave_the_first_ones_as_they_are(tmp_path):
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


def test_the_box_holds_what_differs_from_the_belt():
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


def test_the_parts_of_one_scene_lie_apart():
    labels = [*PARTS, "nut", "bolt"]
    _, placed = draw_scene(np.random.default_rng(1), (640, 480), labels)
    assert [part.label for part in placed] == labels
    for index, part in enumerate(placed):
        for other in placed[:index]:
            a, b = part.xyxy, other.xyxy
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_a_film_holds_its_frames_and_shows_every_class(tmp_path):
    path = tmp_path / "films" / "belt.mp4"
    passing = draw_film(path, seconds=7.5, fps=8, seed=2, size_wh=SIZE)
    film = cv2.VideoCapture(str(path))
    frames = []
    while (read := film.read())[0]:
        frames.append(read[1])
    assert (len(frames), frames[0].shape, film.get(cv2.CAP_PROP_FPS)) == (60, (120, 160, 3), 8)
    assert {label for _, label in passing} == set(PARTS)
    assert [frame for frame, _ in passing] == sorted({frame for frame, _ in passing})
    assert 0 < passing[0][0] < passing[-1][0] < 60
    assert [file.name for file in path.parent.iterdir()] == ["belt.mp4"]


def test_a_film_depends_on_the_seed_alone(tmp_path):
    one, again = (draw_film(tmp_path / name, 1.5, 8, seed=4, size_wh=SIZE) for name in ("one.mp4", "again.mp4"))
    assert one == again
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "again.mp4").read_bytes()


def test_a_place_that_can_not_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EdgetlError, match="can't write") as photos:
        draw_photos(tmp_path / "file" / "photos", per_class=1, seed=1, size_wh=SIZE)
    with pytest.raises(EdgetlError, match="can't write") as film:
        draw_film(tmp_path / "file" / "belt.mp4", 1, 8, seed=1, size_wh=SIZE)
    assert photos.value.remedy
    assert film.value.remedy
    assert film.value.where.endswith("belt.mp4")


def test_a_film_that_no_encoder_takes_says_so_and_leaves_the_earlier_one(tmp_path):
    path = tmp_path / "belt.mp4"
    path.write_text("the earlier film")
    with pytest.raises(EdgetlError) as error:
        draw_film(path, 1, 0, seed=1, size_wh=SIZE)
    assert error.value.remedy
    assert path.read_text() == "the earlier film"
    assert list(tmp_path.iterdir()) == [path]
