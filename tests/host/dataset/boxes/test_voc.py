from __future__ import annotations

import pytest
from boxed import boxes_by_name, draw_photo, find_boxed, put, put_voc, xml_text

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.read import read_boxed

ROWS = [("ace", 10, 20, 60, 70)]


def test_beside_the_photos_in_parts(empty_home):
    root = empty_home.photos
    put_voc(root / "train" / "a.jpg", ROWS, difficult=(0,))
    put_voc(root / "test" / "b.jpg", [("king", 1.5, 2, 30.25, 40)])
    photos = find_boxed(root)
    assert boxes_by_name(photos, root) == {
        "test/b.jpg": ("test", [("king", 1.5, 2, 30.25, 40)]),
        "train/a.jpg": ("train", [("ace", 10, 20, 60, 70)]),
    }
    assert [box.difficult for photo in photos for box in photo.boxes] == [False, True]
    assert photos[0].size_wh == (160, 120)
    assert photos[0].source == str(root / "test" / "b.xml")


def test_voc_folders_and_lists(empty_home):
    root = empty_home.photos
    for name in ("a", "b", "c"):
        draw_photo(root / "JPEGImages" / f"{name}.jpg")
        put(root / "Annotations" / f"{name}.xml", xml_text(f"{name}.jpg", ROWS))
    put(root / "ImageSets" / "Main" / "train.txt", "a\n")
    put(root / "ImageSets" / "Main" / "val.txt", "b\n\n")
    put(root / "ImageSets" / "Main" / "test.txt", "c\nd\n")
    put(root / "ImageSets" / "Main" / "trainval.txt", "a\nb\n")
    put(root / "ImageSets" / "Main" / "ace_train.txt", "a 1\nb -1\n")
    found = read_boxed(root)
    assert [photo.part for photo in found.photos] == ["train", "val", "test"]
    assert found.notes == ["ImageSets lists 1 photo without an annotation: d"]


def test_trainval_alone_trains(empty_home):
    root = empty_home.photos
    draw_photo(root / "JPEGImages" / "a.jpg")
    put(root / "Annotations" / "a.xml", xml_text("a.jpg", ROWS))
    put(root / "ImageSets" / "Main" / "trainval.txt", "a\n")
    assert [photo.part for photo in find_boxed(root)] == ["train"]


def test_a_photo_listed_for_two_parts_is_refused(empty_home):
    root = empty_home.photos
    draw_photo(root / "JPEGImages" / "a.jpg")
    put(root / "Annotations" / "a.xml", xml_text("a.jpg", ROWS))
    for name in ("train", "test"):
        put(root / "ImageSets" / "Main" / f"{name}.txt", "a\n")
    with pytest.raises(DatasetError, match="a is listed for train and for test"):
        find_boxed(root)


@pytest.mark.parametrize(
    ("photo", "filename"),
    [
        ("IMG_1.JPG", "IMG_1.JPG"),
        ("IMG_1.JPG", "img_1.jpg"),
        ("IMG_1.JPG", "C:\\phone\\IMG_1.JPG"),
        ("IMG_1.jpeg", "IMG_1.png"),
        ("IMG_1.jpg", "IMG_1"),
        ("IMG_1.PNG", ""),
        ("IMG_1.jpg", "renamed.jpg"),
        ("IMG_1.rf.9f3.jpg", "IMG_1.rf.9f3.jpg"),
        ("IMG_1.rf.9f3.jpg", "IMG_1.rf.9f3"),
    ],
)
def test_photo_by_name_of_any_case_else_by_stem(empty_home, photo, filename):
    path = draw_photo(empty_home.photos / photo)
    put(path.with_suffix(".XML"), xml_text(filename, ROWS))
    found = read_boxed(empty_home.photos)
    assert [photo.path for photo in found.photos] == [path]
    assert len(found.notes) == (filename == "renamed.jpg")


def test_photo_without_objects_is_background(empty_home):
    put_voc(empty_home.photos / "a.jpg", ROWS)
    put_voc(empty_home.photos / "b.jpg", [])
    assert [len(photo.boxes) for photo in find_boxed(empty_home.photos)] == [1, 0]


def test_photo_without_xml_is_left_out_and_named(empty_home):
    put_voc(empty_home.photos / "a.jpg", ROWS)
    draw_photo(empty_home.photos / "b.jpg")
    found = read_boxed(empty_home.photos)
    assert len(found.photos) == 1
    assert found.notes == ["1 photo without an annotation, left out: b.jpg"]


def test_missing_photos_are_noted(empty_home):
    root = empty_home.photos
    put_voc(root / "a.jpg", ROWS)
    put(root / "b.xml", xml_text("b.jpg", ROWS))
    assert read_boxed(root).notes == ["1 annotated photo missing, left out: b.xml: b.jpg"]
    (root / "a.jpg").unlink()
    with pytest.raises(DatasetError, match=r"all annotated photos are missing \(2\): a.xml: a.jpg, b.xml: b.jpg"):
        read_boxed(root)


def test_two_annotations_of_one_photo(empty_home):
    put_voc(empty_home.photos / "a.jpg", ROWS)
    put(empty_home.photos / "copy.xml", xml_text("a.jpg", ROWS))
    with pytest.raises(DatasetError, match=r"a.jpg is annotated twice: in .*a.xml and in .*copy.xml"):
        find_boxed(empty_home.photos)


def test_test_folder_inside_the_training_folder_is_not_trained_on(empty_home):
    root = empty_home.photos
    put_voc(root / "train" / "a.jpg", ROWS)
    put_voc(root / "train" / "test" / "b.jpg", ROWS)
    assert [photo.part for photo in find_boxed(root)] == ["train", "test"]


def test_blanks_and_line_breaks_around_a_name_are_left_out(empty_home):
    put_voc(empty_home.photos / "a.jpg", [("\n      ace\n    ", 10, 20, 60, 70)])
    assert find_boxed(empty_home.photos)[0].boxes[0].label == "ace"


@pytest.mark.parametrize("label", ["a\nb", "a&#x85;b", "x" * 30_000, "a\u202eb"])
def test_names_that_no_class_can_have_are_refused(empty_home, label):
    put_voc(empty_home.photos / "a.jpg", [(label, 10, 20, 60, 70)])
    with pytest.raises(DatasetError, match=r"object 1 has the class .* which can't be used") as caught:
        find_boxed(empty_home.photos)
    assert len(str(caught.value)) < 1000


BOMB = """<?xml version="1.0"?><!DOCTYPE annotation [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><annotation><filename>&b;</filename></annotation>"""


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ("not xml", "is not XML: syntax error", "a.xml:1"),
        ("<annotation>\n<object>\n</annotation>", "is not XML: mismatched tag", "a.xml:3"),
        ("", "is not XML: no element found", "a.xml:1"),
        ("<html/>", "is not a Pascal VOC annotation: it begins with <html>", "a.xml"),
        (BOMB, "the XML is refused: it has a DOCTYPE", "a.xml"),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', "klingon|encoding", "a.xml"),
        (xml_text("a.jpg", [("", 1, 2, 3, 4)]), "object 1 has no name", "a.xml"),
        (xml_text("a.jpg", [("ace", 1, "x", 3, 4)]), "<ymin> of object 1 must be a number, got 'x'", "a.xml"),
        (xml_text("a.jpg", [("ace", 1, "nan", 3, 4)]), "<ymin> of object 1 must be a number, got 'nan'", "a.xml"),
        ("<annotation><object><name>ace</name></object></annotation>", r"object 1 \(ace\) has no bndbox", "a.xml"),
    ],
)
def test_bad_files(empty_home, text, message, where):
    put_voc(empty_home.photos / "a.jpg", ROWS)
    put(empty_home.photos / "a.xml", text)
    with pytest.raises(DatasetError, match=message) as caught:
        find_boxed(empty_home.photos)
    assert caught.value.where.startswith(str(empty_home.photos / where))
    assert caught.value.remedy


def test_doctype_is_refused_in_utf16_too(empty_home):
    put_voc(empty_home.photos / "a.jpg", ROWS)
    (empty_home.photos / "a.xml").write_bytes(BOMB.encode("utf-16"))
    with pytest.raises(DatasetError, match="DOCTYPE"):
        find_boxed(empty_home.photos)


@pytest.mark.parametrize("size", [None, (0, 0)])
def test_unknown_size(empty_home, size):
    put_voc(empty_home.photos / "a.jpg", ROWS, size_wh=size)
    assert find_boxed(empty_home.photos)[0].size_wh is None


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("cards", {"train": (296, 527), "test": (67, 143)}),
        ("bccd", {"train": (205, None), "val": (87, None), "test": (72, None)}),
    ],
)
def test_real_sets(data_folder, name, counts):
    photos = find_boxed(data_folder / "detection" / name)
    for part, (files, boxes) in counts.items():
        side = [photo for photo in photos if photo.part == part]
        assert len(side) == files
        assert boxes is None or sum(len(photo.boxes) for photo in side) == boxes
    assert sum(files for files, _ in counts.values()) == len(photos)
    if name == "bccd":
        assert sum(len(photo.boxes) for photo in photos) == 4888
