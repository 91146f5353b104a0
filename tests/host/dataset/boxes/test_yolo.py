from __future__ import annotations

import pytest
from boxed import draw_photo, find_boxed, put

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.read import read_boxed

LINE = "1 0.25 0.5 0.25 0.5\n"
"""Of a photo of 160 x 120: a king at 20, 30, 60, 90."""


def make(root, yaml, *photos, line=LINE):
    put(root / "data.yaml", yaml)
    for photo in photos:
        path = draw_photo(root / photo)
        put(root.joinpath(*photo.replace("images", "labels").split("/")).with_suffix(".txt"), line)
        assert path.is_file()
    return root


@pytest.mark.parametrize(
    "names",
    [
        "names: [ace, king]",
        "names:\n  - ace\n  - king",
        "names:\n  0: ace\n  1: king",
        "names: {1: king}",
        'names: [ace, " king\\n"]',
    ],
)
@pytest.mark.parametrize(
    ("photo", "train"),
    [
        ("images/train/a.jpg", "images/train"),
        ("train/images/a.jpg", "../train/images"),
        ("train/images/a.jpg", "./train/images"),
        ("images/train/deeper/A.JPG", "[images/train]"),
    ],
)
def test_usual_layouts_are_read(empty_home, names, photo, train):
    root = make(empty_home.photos, f"train: {train}\n{names}\nnc: 2\n", photo)
    (found,) = find_boxed(root)
    assert (found.path, found.part) == (root / photo, "train")
    assert found.boxes[0].label == "king"
    assert found.boxes[0].xyxy == pytest.approx((20, 30, 60, 90))
    assert found.size_wh is None


def test_parts_and_path(empty_home):
    root = make(
        empty_home.photos,
        "path: /not/here\ntrain: images/train\nval: images/val\ntest: images/test\nnames: [ace, king]\n",
        "images/train/a.jpg",
        "images/val/b.jpg",
        "images/test/c.jpg",
    )
    assert [photo.part for photo in find_boxed(root)] == ["test", "train", "val"]


def test_same_folder_to_train_and_validate_is_no_split(empty_home):
    root = make(empty_home.photos, "train: images\nval: images\nnames: [ace, king]\n", "images/a.jpg")
    assert [photo.part for photo in find_boxed(root)] == [""]


def test_test_folder_inside_the_training_folder_is_not_trained_on(empty_home):
    root = make(
        empty_home.photos,
        "train: images\ntest: images/held\nnames: [ace, king]\n",
        "images/a.jpg",
        "images/held/b.jpg",
    )
    assert {photo.path.name: photo.part for photo in find_boxed(root)} == {"a.jpg": "train", "b.jpg": "test"}


def test_photo_without_label_file_is_background(empty_home):
    root = make(empty_home.photos, "train: images\nnames: [ace, king]\n", "images/a.jpg")
    draw_photo(root / "images" / "b.jpg")
    found = read_boxed(root)
    assert [len(photo.boxes) for photo in found.photos] == [1, 0]
    assert found.notes == ["1 photo without a label file, used as background as in YOLO"]


def test_a_missing_test_folder_is_noted(empty_home):
    root = make(empty_home.photos, "train: images\ntest: ../test/images\nnames: [ace, king]\n", "images/a.jpg")
    assert read_boxed(root).notes == ["the folder of `test` is missing: ../test/images"]


def test_labels_beside_the_photos(empty_home):
    root = make(empty_home.photos, "train: train\nnames: [ace, king]\n", "train/a.jpg")
    assert len(find_boxed(root)[0].boxes) == 1


@pytest.mark.parametrize("names", ["[no, 1.0, 0x10]", "{0: 'no', 1: 1.0, 2: 0x10}\nnc: 3\ntest: null"])
def test_names_are_texts_whatever_yaml_makes_of_them(empty_home, names):
    root = make(empty_home.photos, f"train: images\nnames: {names}\ndate: 2024-02-30\n", "images/a.jpg")
    assert find_boxed(root)[0].boxes[0].label == "1.0"


@pytest.mark.parametrize("entry", ["Images/Tu\u0308r", "images/T\u00fcr"])
def test_folders_in_any_case_and_unicode_form(empty_home, entry):
    root = make(empty_home.photos, f"train: {entry}\nnames: [ace, king]\n", "images/Tu\u0308r/a.jpg")
    assert [len(photo.boxes) for photo in find_boxed(root)] == [1]


def test_label_file_called_as_the_photo_with_its_suffix(empty_home):
    root = make(empty_home.photos, "train: images\nnames: [ace, king]\n", "images/a.jpg")
    (root / "labels" / "a.txt").rename(root / "labels" / "a.jpg.txt")
    found = read_boxed(root)
    assert ([len(photo.boxes) for photo in found.photos], found.notes) == ([1], [])


def test_polygons_count_as_the_boxes_around_them(empty_home):
    root = make(empty_home.photos, "train: images\nnames: [ace, king]\n", "images/a.jpg", line=LINE)
    put(root / "labels" / "a.txt", LINE + "0 0.25 0.5 0.5 0.25 0.375 1\n1 0 0 1 0 1 1 0 1\n")
    found = read_boxed(root)
    assert [box.xyxy for box in found.photos[0].boxes[1:]] == [(40, 30, 80, 120), (0, 0, 160, 120)]
    assert found.notes == ["2 lines with a polygon: the box around it is used"]


def test_key_points_are_left_out(empty_home):
    yaml = "train: images\nkpt_shape: [2, 3]\nnames: [ace, king]\n"
    root = make(empty_home.photos, yaml, "images/a.jpg", line=LINE.strip() + " .1 .1 2 .9 .9 0\n")
    found = read_boxed(root)
    assert found.photos[0].boxes[0].xyxy == pytest.approx((20, 30, 60, 90))
    assert found.notes == ["1 line with key points behind the box, which are left out"]
    put(root / "labels" / "a.txt", "1 .1 .1 .2 .2 .3 .3\n")
    with pytest.raises(DatasetError, match="a line has 7 numbers, not 5"):
        read_boxed(root)


def test_a_label_file_of_two_photos_is_noted(empty_home):
    root = make(empty_home.photos, "train: images\nnames: [ace, king]\n", "images/a.jpg", "images/a.png")
    assert read_boxed(root).notes == ["1 label file used for several photos of the same name: labels/a.txt"]


@pytest.mark.parametrize("prefix", ["", "./", "data/", "/home/somebody/set/", "..\\set\\"])
def test_lists_of_photos(empty_home, prefix):
    root = make(
        empty_home.photos,
        "path: .\ntrain: train.txt\nvalid: val.txt\nnames: {0: ace, 1: king}\n",
        "images/train/a.jpg",
        "images/b.jpg",
        "images/c.jpg",
    )
    put(root / "train.txt", f"{prefix}images/train/a.jpg\n{prefix}images/gone.jpg\n")
    put(root / "val.txt", f"{prefix}images/b.jpg\n")
    found = read_boxed(root)
    assert {photo.path.name: photo.part for photo in found.photos} == {"a.jpg": "train", "b.jpg": "val"}
    assert found.notes == [
        f"1 annotated photo missing, left out: train.txt: {prefix}images/gone.jpg",
        "1 photo without an annotation, left out: images/c.jpg",
    ]
    put(root / "val.txt", "images/train/a.jpg\n")
    with pytest.raises(DatasetError, match=r"a.jpg is listed for train and for val"):
        read_boxed(root)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 0.5 0.5 0.5\n", "a line has 4 numbers, not 5\n"),
        ("\n1 0.5 0.5 0.5 0.5 0.9\n", "a line has 6 numbers, not 5\n"),
        ("1 .1 .1 .2 .2 .3 80\n", "a box must be in shares of the photo"),
        ("1 .1 .1 .2 .2 .3 .3 1 .4 .4 2 .5\n", "a line has 12 numbers, not 5\n"),
        ("2 0.5 0.5 0.5 0.5\n", "the class 2 is not in data.yaml, which names 2 classes"),
        ("-1 0.5 0.5 0.5 0.5\n", "the class -1 is not in data.yaml"),
        ("0.5 0.5 0.5 0.5 0.5\n", "the class 0.5 is not in data.yaml"),
        ("1 x 0.5 0.5 0.5\n", "each of a line's values must be a number, got 'x'"),
        ("1 inf 0.5 0.5 0.5\n", "each of a line's values must be a number, got 'inf'"),
    ],
)
def test_bad_lines_are_named(empty_home, line, message):
    root = make(empty_home.photos, "train: images\nnames: [ace, king]\n", "images/a.jpg", line=LINE + line)
    with pytest.raises(DatasetError, match=message) as caught:
        find_boxed(root)
    assert caught.value.where == f"{root / 'labels' / 'a.txt'}:{3 if line.startswith(chr(10)) else 2}"
    assert caught.value.remedy


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("names: [ace\n", "is not YAML"),
        ("names:\n", "`names` must list the classes"),
        ("names: []\n", "`names` must list the classes"),
        ("names: [ace, [no]]\ntrain: images\n", "`names` must have one text for each number, and 1 has none"),
        ("names: [ace, ace]\ntrain: images\n", "the classes 0 and 1 have the same name: ace"),
        ("names: {0: ace, 0: king}\ntrain: images\n", "a key occurs twice"),
        ("names: {0: ace, 00: king}\ntrain: images\n", "`names` has a number twice"),
        ("names: [ace, ' ']\ntrain: images\n", "number 1 has no name"),
        ('names: [ace, "a\\x85b"]\ntrain: images\n', "can't be used: it contains the character"),
        ("names: [ace, king]\nnc: 3\ntrain: images\n", "`nc` is 3, and `names` has 2 classes"),
        ("names: [ace, king]\nkpt_shape: 17\ntrain: images\n", "`kpt_shape` must be two numbers"),
        ('names: ["\\UFFFFFFFF"]\ntrain: images\n', "is not YAML"),
        ("names: [ace]\nx: " + "[" * 2000 + "]" * 2000 + "\n", "is nested too deeply"),
        ("names: {x: ace}\ntrain: images\n", "`names` must have one text for each number"),
        (BOMB + "names: *i\ntrain: images\n", "`names` must have one text for each number"),
        (BOMB + "names: [ace]\ntrain: *i\n", "`train` must be a folder"),
        (BOMB + "names: [ace]\nnc: *i\ntrain: images\n", "`nc` is not a number"),
        (BOMB + "names: [ace]\nkpt_shape: [*i, *i]\ntrain: images\n", "`kpt_shape` must be two numbers"),
        (BOMB + "names: {0: *i}\ntrain: images\n", "`names` must have one text for each number"),
        ("names: [ace, king]\n", "names no folder of photos"),
        ("names: [ace, king]\ntrain: gone\n", "`train` names a folder that is not in this data set: gone"),
        ("names: [ace, king]\ntrain: ../..\n", "`train` names a folder that is not in this data set"),
        (
            "names: [ace, king]\ntrain: train.txt\n",
            "`train` names a list of photos that is not in this",
        ),
        ("names: !!python/object/apply:os.getcwd []\n", "is not YAML"),
    ],
)
def test_bad_yaml(empty_home, yaml, message):
    root = make(empty_home.photos, yaml, "images/a.jpg")
    with pytest.raises(DatasetError, match=message) as caught:
        find_boxed(root)
    assert caught.value.where.startswith(str(root / "data.yaml"))
    assert caught.value.remedy


def test_labels_without_yaml(empty_home):
    root = make(empty_home.photos, "", "images/a.jpg")
    (root / "data.yaml").unlink()
    with pytest.raises(DatasetError, match=r"no data.yaml names the classes of the labels, such as labels/a.txt"):
        find_boxed(root)


def test_two_yaml_files(empty_home):
    root = make(empty_home.photos, "train: images\nnames: [ace, king]\n", "images/a.jpg")
    put(root / "other.yml", "names: [x]\n")
    with pytest.raises(DatasetError, match=r"several files describe the data set: data.yaml, other.yml"):
        find_boxed(root)
