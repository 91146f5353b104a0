"""Where a Pascal VOC annotation's photo lies, and what part of the split it belongs to."""

from __future__ import annotations

import pytest
from boxed import draw_photo, find_boxed, put, put_voc, xml_text

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.read import read_boxed

ROWS = [("ace", 10, 20, 60, 70)]


@pytest.mark.parametrize(
    ("xml", "photo", "filename"),
    [
        ("annotations/xmls/a.xml", "images/a.jpg", "a.jpg"),
        ("annots/a.xml", "images/a.jpg", "a.jpg"),
        ("labels/xml/a.xml", "JPEGImages/a.jpg", "a.jpg"),
        ("Annotations/cats/a.xml", "JPEGImages/cats/a.jpg", "cats/a.jpg"),
        ("Annotations/cats/a.xml", "JPEGImages/cats/a.jpg", "a.jpg"),
        ("somewhere/a.xml", "deep/down/a.jpg", "a.jpg"),
        ("somewhere/a.xml", "deep/down/a.jpg", "renamed.jpg"),
    ],
)
def test_photo_in_a_folder_beside_the_annotations(empty_home, xml, photo, filename):
    path = draw_photo(empty_home.photos / photo)
    draw_photo(empty_home.photos / "annotations" / "trimaps" / "a.png")  # the same name, but no photo of the set
    put(empty_home.photos / xml, xml_text(filename, ROWS))
    if photo.startswith("deep") and filename == "renamed.jpg":
        (empty_home.photos / "annotations" / "trimaps" / "a.png").unlink()
    assert [found.path for found in find_boxed(empty_home.photos)] == [path]


@pytest.mark.parametrize("folders", [("annots/{}", "images/{}"), ("annots/{}", "images"), ("{}/annots", "{}/images")])
def test_parts_that_the_folders_of_annotations_name(empty_home, folders):
    for i, part in enumerate(("train", "val")):
        name = "a.jpg" if "{}" in folders[1] else f"{i}.jpg"
        draw_photo(empty_home.photos / folders[1].format(part) / name)
        put(empty_home.photos / folders[0].format(part) / f"{name[0]}.xml", xml_text(name, ROWS))
    assert sorted(photo.part for photo in find_boxed(empty_home.photos)) == ["train", "val"]


def test_photo_of_another_part_is_not_taken_for_a_missing_one(empty_home):
    for part in ("train", "val"):
        draw_photo(empty_home.photos / part / "a.jpg")
        put(empty_home.photos / part / "a.xml", xml_text("a.jpg", ROWS))
    (empty_home.photos / "train" / "a.jpg").rename(empty_home.photos / "train" / "b.jpg")
    put(empty_home.photos / "train" / "b.xml", xml_text("b.jpg", ROWS))
    found = read_boxed(empty_home.photos)
    assert [photo.path.name for photo in found.photos] == ["b.jpg", "a.jpg"]
    assert any("1 annotated photo missing" in note for note in found.notes)


def test_a_name_that_fits_several_photos_is_refused(empty_home):
    for folder in ("x/y", "x/z"):
        draw_photo(empty_home.photos / folder / "a.jpg")
    put(empty_home.photos / "annots" / "a.xml", xml_text("a.jpg", ROWS))
    with pytest.raises(DatasetError, match="which fits 2 photos"):
        find_boxed(empty_home.photos)


def test_the_name_of_the_file_overrides_its_filename_entry(empty_home):
    names = ["a", "b", "c"]
    for i, name in enumerate(names):
        draw_photo(empty_home.photos / f"{name}.jpg")
        put(empty_home.photos / f"{name}.xml", xml_text(f"{names[i - 1]}.jpg", [(name, 10, 20, 60, 70)]))
    found = read_boxed(empty_home.photos)
    assert [(photo.path.stem, photo.boxes[0].label) for photo in found.photos] == [(name, name) for name in names]
    (note,) = found.notes
    assert note.startswith("3 annotations with another photo in <filename>")


def test_the_name_of_the_file_overrides_its_filename_entry_in_far_folders(empty_home):
    for name in ("a", "b"):
        draw_photo(empty_home.photos / "far" / "away" / f"{name}.jpg")
        other = "b" if name == "a" else "a"
        put(empty_home.photos / "annots" / f"{name}.xml", xml_text(f"{other}.jpg", [(name, 10, 20, 60, 70)]))
    found = read_boxed(empty_home.photos)
    assert [(photo.path.stem, photo.boxes[0].label) for photo in found.photos] == [("a", "a"), ("b", "b")]
    assert len(found.notes) == 1


def test_the_filename_entry_decides_between_two_photos_of_one_stem(empty_home):
    for name in ("a.jpg", "a.png"):
        draw_photo(empty_home.photos / name)
    put(empty_home.photos / "a.xml", xml_text("a.png", ROWS))
    found = read_boxed(empty_home.photos)
    assert [photo.path.name for photo in found.photos] == ["a.png"]
    assert found.notes == ["1 photo without an annotation, left out: a.jpg"]


def make(root, lists, folder="Annotations", names=("a", "b", "photo 1")):
    for name in names:
        draw_photo(root / "JPEGImages" / f"{name}.jpg")
        put(root / folder / f"{name}.xml", xml_text(f"{name}.jpg", ROWS))
    for name, text in lists.items():
        put(root / "ImageSets" / "Main" / f"{name}.txt", text)
    return {photo.path.stem: photo.part for photo in find_boxed(root)}


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ("a\nphoto 1\n", "b\n"),
        ("a.jpg\nphoto 1.jpg\n", "b.JPG\n"),
        ("./JPEGImages/a.jpg\n/data/VOC/JPEGImages/photo 1.jpg\n", "JPEGImages\\b.jpg\n"),
        ("a 1\nphoto 1 1\n", "b -1\n"),
        ("a  1\r\nphoto 1 0\r\n", "b.jpg -1\r\n"),
        ('"a"\n"photo 1" 1\n', '"b" 0\n'),
        ("Annotations/a.xml\nAnnotations/photo 1.xml\n", "Annotations/b.xml\n"),
    ],
)
@pytest.mark.parametrize("folder", ["Annotations", "Annotations/deep"])
def test_lines_of_the_lists(empty_home, train, val, folder):
    parts = make(empty_home.photos, {"train": train, "val": val}, folder)
    assert parts == {"a": "train", "photo 1": "train", "b": "val"}


@pytest.mark.parametrize(
    "lists",
    [
        {"Train": "a\nphoto 1\n", "valid": "b\n"},
        {"ace_train": "a 1\nphoto 1 -1\n", "ace_val": "b 1\n", "king_train": "a -1\nphoto 1 1\n", "king_val": "b -1\n"},
    ],
)
def test_names_of_the_lists(empty_home, lists):
    assert make(empty_home.photos, lists) == {"a": "train", "photo 1": "train", "b": "val"}


def test_lists_of_several_folders_name_the_folder(empty_home):
    root = empty_home.photos
    for folder in ("x", "y"):
        draw_photo(root / "JPEGImages" / folder / "a.jpg")
        put(root / "Annotations" / folder / "a.xml", xml_text("a.jpg", ROWS))
    file = put(root / "ImageSets" / "Main" / "train.txt", "x/a\n")
    put(root / "ImageSets" / "Main" / "val.txt", "JPEGImages/y/a.jpg\n")
    assert [photo.part for photo in find_boxed(root)] == ["train", "val"]
    put(file, "a\n")
    with pytest.raises(DatasetError, match="may mean 2 annotations"):
        find_boxed(root)


def test_a_line_of_many_blanks_in_a_list_is_read_at_once(empty_home):
    put_voc(empty_home.photos / "a.jpg", ROWS)
    put(empty_home.photos / "ImageSets" / "Main" / "train.txt", "a\n" + "b" + " " * 300_000 + "2\n")
    assert [photo.part for photo in read_boxed(empty_home.photos).photos] == ["train"]
