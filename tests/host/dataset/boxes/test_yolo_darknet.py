"""YOLO data sets without a `data.yaml`, as LabelImg, Label Studio, CVAT and darknet write them."""

from __future__ import annotations

import pytest
from boxed import draw_photo, find_boxed, put

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.read import read_boxed

LINE = "1 0.25 0.5 0.25 0.5\n"
NAMES = "ace\nking of hearts\n"


def boxes_by_name(root):
    return {photo.path.name: (photo.part, [box.label for box in photo.boxes]) for photo in find_boxed(root)}


@pytest.mark.parametrize("name", ["classes.txt", "predefined_classes.txt", "obj.names", "cards.names", "labels.txt"])
@pytest.mark.parametrize(
    ("photo", "label", "folder"),
    [
        ("{}.jpg", "{}.txt", ""),
        ("images/{}.jpg", "labels/{}.txt", ""),
        ("images/{}.jpg", "labels/{}.txt", "labels"),
        ("images/{}.jpg", "images/{}.txt", "images"),
    ],
)
def test_lists_of_names(empty_home, name, photo, label, folder):
    root = empty_home.photos
    for stem, line in (("a", LINE), ("b", "")):
        draw_photo(root / photo.format(stem))
        put(root / label.format(stem), line)
    put(root / folder / name, NAMES.replace("\n", "\r\n"))
    put(root / "notes.json", '{"categories": [{"id": 0, "name": "ace"}]}')
    assert boxes_by_name(root) == {"a.jpg": ("", ["king of hearts"]), "b.jpg": ("", [])}


def test_photos_without_labels_are_not_annotated_yet(empty_home):
    for name in ("a", "b"):
        draw_photo(empty_home.photos / f"{name}.jpg")
    put(empty_home.photos / "a.txt", LINE)
    put(empty_home.photos / "classes.txt", NAMES)
    found = read_boxed(empty_home.photos)
    assert [photo.path.name for photo in found.photos] == ["a.jpg"]
    assert found.notes == ["1 photo without an annotation, left out: b.jpg"]


@pytest.mark.parametrize("folders", [("images/{}", "labels/{}"), ("{}/images", "{}/labels"), ("{}", "{}")])
def test_parts_are_those_of_the_folders(empty_home, folders):
    root = empty_home.photos
    for part in ("train", "valid", "test"):
        draw_photo(root / folders[0].format(part) / f"{part}.jpg")
        put(root / folders[1].format(part) / f"{part}.txt", LINE)
        put(root / folders[1].format(part) / "_darknet.labels", NAMES)
    assert {name: part for name, (part, _) in boxes_by_name(root).items()} == {
        "train.jpg": "train",
        "valid.jpg": "val",
        "test.jpg": "test",
    }


@pytest.mark.parametrize("base", ["", "data/"])
def test_a_set_that_cvat_writes_is_read(empty_home, base):
    root = empty_home.photos
    put(root / "obj.names", NAMES)
    put(root / "old.names", "something else\n")
    text = f"classes = 2\ntrain = {base}train.txt\nvalid = {base}valid.txt\nnames = {base}obj.names\nbackup = backup/\n"
    put(root / "obj.data", text)
    (root / "other.data").write_bytes(b"\xff\xfe\x00")
    for part in ("train", "valid"):
        for stem in "ab":
            draw_photo(root / f"obj_{part}_data" / f"{part}_{stem}.jpg")
        put(root / f"obj_{part}_data" / f"{part}_a.txt", LINE)
        put(root / f"{part}.txt", "".join(f"{base}obj_{part}_data/{part}_{stem}.jpg\n" for stem in "abc"))
    found = read_boxed(root)
    assert {photo.path.name: (photo.part, len(photo.boxes)) for photo in found.photos} == {
        "train_a.jpg": ("train", 1),
        "train_b.jpg": ("train", 0),
        "valid_a.jpg": ("val", 1),
        "valid_b.jpg": ("val", 0),
    }
    assert len(found.notes) == 2
    assert found.notes[1].startswith("2 annotated photos missing")


def refused(root, message):
    with pytest.raises(DatasetError, match=message) as caught:
        find_boxed(root)
    assert caught.value.remedy


def test_contradictory_descriptions_are_refused(empty_home):
    root = empty_home.photos
    draw_photo(root / "images" / "a.jpg")
    put(root / "labels" / "a.txt", LINE)
    refused(root, "no data.yaml names the classes")
    put(root / "classes.txt", "ace\n")
    refused(root, r"the class 1 is not in classes.txt, which names 1 class")
    put(root / "classes.txt", "ace\nace\n")
    refused(root, "the classes 0 and 1 have the same name: ace")
    put(root / "classes.txt", "ace\n\nking\n")
    refused(root, "number 1 has no name")
    put(root / "classes.txt", NAMES)
    put(root / "labels" / "classes.txt", "king\nace\n")
    refused(root, r"classes.txt and labels/classes.txt name different classes")


def test_a_list_of_names_that_contradicts_the_yaml_is_noted(empty_home):
    root = empty_home.photos
    draw_photo(root / "images" / "a.jpg")
    put(root / "labels" / "a.txt", LINE)
    put(root / "data.yaml", "train: images\nval: images\nnames: [ace, king of hearts]\n")
    put(root / "classes.txt", NAMES)
    assert read_boxed(root).notes == []
    put(root / "classes.txt", "king of hearts\nace\n")
    found = read_boxed(root)
    assert found.photos[0].boxes[0].label == "king of hearts"
    assert len(found.notes) == 1
