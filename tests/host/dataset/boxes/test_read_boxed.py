from __future__ import annotations

import os
import unicodedata

import pytest
from boxed import coco_text, csv_text, draw_photo, find_boxed, put, put_voc, xml_text
from homes import draw_folders

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.annotation_text import format_px, number
from edgetl.host.dataset.boxes.read import is_boxed, read_boxed
from edgetl.text import listed

ROWS = [("ace", 10, 20, 60, 70)]


def test_class_folders_are_no_boxed_set(empty_home):
    root = draw_folders(empty_home.photos, 2)
    put(root / "notes.json", '{"a": 1}')
    put(root / "prices.csv", "name,price\n")
    put(root / "setup.yaml", "size: 3\n")
    put(root / "disc" / "caption.txt", "a disc")
    put(root / "more.xml", "<settings/>")
    assert not is_boxed(root)
    with pytest.raises(DatasetError, match="no boxes are annotated here"):
        find_boxed(root)


@pytest.mark.parametrize("kind", ["voc", "coco", "yolo", "csv"])
def test_each_format_is_recognised(empty_home, kind):
    root = empty_home.photos
    draw_photo(root / "images" / "a.jpg")
    files = {
        "voc": ("images/a.xml", xml_text("a.jpg", ROWS)),
        "coco": ("x.json", coco_text({"a.jpg": ROWS})),
        "yolo": ("data.yaml", "train: images\nval: images\nnames: [ace]\n"),
        "csv": ("x.csv", csv_text({"a.jpg": ROWS})),
    }
    put(root / files[kind][0], files[kind][1])
    put(root / ("labels" if kind == "yolo" else "other") / "a.txt", "0 0.5 0.5 0.5 0.5\n")
    assert is_boxed(root)
    assert read_boxed(root).format == kind


def test_no_such_folder(empty_home):
    assert not is_boxed(empty_home.photos)
    with pytest.raises(DatasetError, match="there is no such folder"):
        find_boxed(empty_home.photos)


def test_no_boxes_at_all(empty_home):
    put_voc(empty_home.photos / "a.jpg", [])
    with pytest.raises(DatasetError, match=r"none of the photos has a box \(1 photo\)") as caught:
        find_boxed(empty_home.photos)
    assert caught.value.remedy


def test_two_formats_in_one_folder(empty_home):
    root = empty_home.photos
    put_voc(root / "a.jpg", ROWS)
    put(root / "all.json", coco_text({"a.jpg": ROWS}))
    with pytest.raises(DatasetError) as caught:
        find_boxed(root)
    assert caught.value.what == "annotated in two formats: Pascal VOC (a.xml) and COCO (all.json)"
    assert "keep one format's files" in caught.value.remedy


def test_csv_that_repeats_the_xml(empty_home):
    root = empty_home.photos
    put_voc(root / "train" / "a.jpg", ROWS)
    put(root / "train_labels.csv", csv_text({"a.jpg": ROWS}))
    found = read_boxed(root)
    assert found.format == "voc"
    assert found.notes == [
        "annotated as Pascal VOC (train/a.xml) and CSV (train_labels.csv): "
        "every photo has its XML, which is read; the CSV says the same"
    ]
    put(root / "train_labels.csv", csv_text({"a.jpg": [("ace", 1, 2, 3, 4)]}))
    assert read_boxed(root).notes[0].endswith("the CSV differs for 1 photo")


def test_csv_with_photos_that_have_no_xml(empty_home):
    root = empty_home.photos
    put_voc(root / "a.jpg", ROWS)
    draw_photo(root / "b.jpg")
    put(root / "labels.csv", csv_text({"a.jpg": ROWS, "b.jpg": ROWS}))
    with pytest.raises(DatasetError, match=r"two formats: Pascal VOC \(a.xml\) and CSV \(labels.csv\)"):
        find_boxed(root)


def test_photos_outside_the_only_other_part_train(empty_home):
    put_voc(empty_home.photos / "a.jpg", ROWS)
    put_voc(empty_home.photos / "test" / "b.jpg", ROWS)
    found = read_boxed(empty_home.photos)
    assert [photo.part for photo in found.photos] == ["train", "test"]
    assert found.notes == ["1 photo outside test, used to train: a.jpg"]


def test_photos_in_no_part_are_left_out(empty_home):
    put_voc(empty_home.photos / "a.jpg", ROWS)
    put_voc(empty_home.photos / "train" / "b.jpg", ROWS)
    found = read_boxed(empty_home.photos)
    assert [photo.path.name for photo in found.photos] == ["b.jpg"]
    assert found.notes == ["1 photo in no part of the split, left out: a.jpg"]


def test_hidden_files_are_no_annotations(empty_home):
    put_voc(empty_home.photos / "a.jpg", ROWS)
    put(empty_home.photos / ".idea" / "x.xml", "<annotation/>")
    put(empty_home.photos / "._a.xml", "junk")
    assert len(find_boxed(empty_home.photos)) == 1


def test_photos_behind_a_link_and_a_link_in_a_circle(empty_home):
    draw_photo(empty_home.folder / "disk" / "a.jpg")
    empty_home.photos.mkdir()
    (empty_home.photos / "images").symlink_to(empty_home.folder / "disk")
    (empty_home.photos / "round").symlink_to(empty_home.photos)
    put(empty_home.photos / "labels" / "a.txt", "0 0.5 0.5 0.5 0.5\n")
    put(empty_home.photos / "data.yaml", "train: images\nval: images\nnames: [ace]\n")
    assert [photo.path for photo in find_boxed(empty_home.photos)] == [empty_home.photos / "images" / "a.jpg"]


def test_photos_are_ordered_by_path(empty_home):
    for name in ("b.jpg", "a.jpg", "B.JPG", "c/a.jpg"):
        put_voc(empty_home.photos / name, ROWS)
    paths = [photo.path for photo in find_boxed(empty_home.photos)]
    assert paths == sorted(paths)
    assert len(paths) == 4


def test_a_value_must_be_a_finite_number():
    assert number(" 3.5 ", "x", "f") == 3.5
    for value in (None, True, [], "1e999", "nan", ""):
        with pytest.raises(DatasetError, match="x must be a number"):
            number(value, "x", "f")
    assert [format_px(value) for value in (3.0, 3.25, 0.00001, 100.0, 1 / 3)] == ["3", "3.25", "0", "100", "0.3333"]
    assert listed(list("abcde")) == "a, b, c and 2 more"
    for value in ("1_0", 10**400, 1e300, "9" * 5000, int("f" * 5000, 16)):
        with pytest.raises(DatasetError, match="x must be a number") as caught:
            number(value, "x", "f")
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize("kind", ["voc", "coco", "csv", "yolo", "lists"])
@pytest.mark.parametrize(("stored", "annotated"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_names_in_another_unicode_form_mean_the_same(empty_home, kind, stored, annotated):
    root = empty_home.photos
    name, other = (unicodedata.normalize(form, "Tür") for form in (stored, annotated))
    rows = [(other, 10, 20, 60, 70), (name, 10, 20, 50, 70)]
    draw_photo(root / "images" / f"{name}.jpg")
    files = {
        "voc": {f"annots/{other}.xml": xml_text(f"{other}.jpg", rows)},
        "coco": {"all.json": coco_text({f"{other}.jpg": rows})},
        "csv": {"all.csv": csv_text({f"{other}.jpg": rows})},
        "yolo": {f"labels/{other}.txt": "0 .5 .5 .5 .5\n0 .5 .5 .2 .2\n", "classes.txt": f"{other}\n"},
        "lists": {f"{other}.xml": xml_text("", rows), "ImageSets/Main/train.txt": f"{name}\n"},
    }
    for place, text in files[kind].items():
        put(root / place, text)
    found = read_boxed(root)
    assert [photo.part for photo in found.photos] == (["train"] if kind == "lists" else [""])
    assert {box.label for box in found.photos[0].boxes} == {unicodedata.normalize("NFC", name)}
    assert len(found.photos[0].boxes) == 2
    assert not [note for note in found.notes if "same name" not in note]


SHARES = [("ace", 0.1, 0.2, 0.6, 0.7)]


def put_rows(root, kind, photos):
    """Photos annotated in px or in shares, in one of the formats that want px."""
    for name, rows in photos.items():
        draw_photo(root / name, ())
        if kind == "voc":
            put((root / name).with_suffix(".xml"), xml_text(name, rows))
    if kind not in ("voc", "yolo"):
        put(root / f"all.{'json' if kind == 'coco' else 'csv'}", (coco_text if kind == "coco" else csv_text)(photos))


@pytest.mark.parametrize("kind", ["voc", "coco", "csv"])
@pytest.mark.parametrize(
    "photos",
    [
        {"a.jpg": SHARES, "b.jpg": SHARES},
        {"a.jpg": SHARES, "b.jpg": ROWS},  # two sources put together
        {"a.jpg": [("ace", 0, 0, 1, 1)], "b.jpg": [("ace", 0, 0, 1, 1)]},
        {"a.jpg": [*SHARES, ("ace", 0.5, 0.5, 1.02, 1.0)]},
    ],
)
def test_coordinates_in_shares_are_not_taken_for_px(empty_home, kind, photos):
    put_rows(empty_home.photos, kind, photos)
    with pytest.raises(DatasetError, match="in shares of the photo, 0 to 1, not in px"):
        read_boxed(empty_home.photos)


@pytest.mark.parametrize("kind", ["voc", "coco", "csv"])
def test_tiny_boxes_in_px_are_no_shares(empty_home, kind):
    rows = [("ace", 0, 0, 1, 1), ("ace", 0.5, 0.5, 0.5, 0.5)]
    put_rows(empty_home.photos, kind, {"a.jpg": ROWS, "b.jpg": rows[:1], "c.jpg": [*ROWS, *rows]})
    assert len(read_boxed(empty_home.photos).photos) == 3


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"


@pytest.mark.parametrize(
    "name", ["a.xml", "annots/b.xml", "train.json", "annotations/x.json", "labels.csv", "data.yaml", "labels/a.txt"]
)
def test_a_git_lfs_pointer_is_refused_as_such(empty_home, name):
    draw_photo(empty_home.photos / "a.jpg")
    put(empty_home.photos / name, POINTER)
    if name.endswith(".txt"):
        put(empty_home.photos / "data.yaml", "train: .\nnames: [ace]\n")
        (empty_home.photos / "a.jpg").rename(empty_home.photos / "images.jpg")
        draw_photo(empty_home.photos / "images" / "a.jpg")
    assert is_boxed(empty_home.photos)
    with pytest.raises(DatasetError, match="is a Git LFS pointer, not the file itself") as caught:
        read_boxed(empty_home.photos)
    assert caught.value.where == str(empty_home.photos / name)


@pytest.mark.parametrize("kind", ["voc", "coco", "csv", "yolo"])
def test_a_pointer_among_sound_annotations_is_not_passed_over(empty_home, kind):
    put_rows(empty_home.photos, kind, {"a.jpg": ROWS} if kind != "yolo" else {})
    if kind == "yolo":
        put(draw_photo(empty_home.photos / "a.jpg").with_suffix(".txt"), "0 0.5 0.5 0.2 0.2\n")
        put(empty_home.photos / "classes.txt", "ace\n")
    assert read_boxed(empty_home.photos)
    names = {"voc": "annots/b.xml", "coco": "val.json", "csv": "val_labels.csv", "yolo": "data.yaml"}
    file = put(empty_home.photos / names[kind], POINTER)
    with pytest.raises(DatasetError, match="is a Git LFS pointer") as caught:
        read_boxed(empty_home.photos)
    assert caught.value.where == str(file)


def test_a_stray_pointer_makes_no_boxed_set_of_class_folders(empty_home):
    root = draw_folders(empty_home.photos, 2)
    put(root / "model.json", POINTER)
    assert not is_boxed(root)


@pytest.mark.parametrize("name", ["a.xml", "all.json", "annotations/x.json", "labels.csv", "data.yaml", "labels/a.txt"])
def test_a_fifo_is_not_read(empty_home, name):
    draw_photo(empty_home.photos / "a.jpg")
    (empty_home.photos / name).parent.mkdir(exist_ok=True)
    os.mkfifo(empty_home.photos / name)
    with pytest.raises(DatasetError):
        read_boxed(empty_home.photos)


def test_a_folder_train_that_may_be_a_class_is_refused(empty_home):
    for label in ("bus", "car", "train"):
        put_voc(empty_home.photos / label / f"{label}.jpg", [(label, 10, 20, 60, 70)])
    with pytest.raises(DatasetError, match="bus, car"):
        read_boxed(empty_home.photos)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
@pytest.mark.parametrize("form", ["csv", "coco", "yolo", "darknet"])
def test_annotations_in_utf_16(empty_home, form, encoding):
    draw_photo(empty_home.photos / "a.jpg")
    texts = {
        "csv": {"labels.csv": csv_text({"a.jpg": ROWS})},
        "coco": {"result.json": coco_text({"a.jpg": ROWS})},
        "yolo": {"a.txt": "0 0.5 0.5 0.25 0.5\n", "data.yaml": "train: .\nval: .\nnames: [größe]\n"},
        "darknet": {"a.txt": "0 0.5 0.5 0.25 0.5\n", "classes.txt": "größe\n"},
    }
    for name, text in texts[form].items():
        (empty_home.photos / name).write_text(text, encoding=encoding)
    boxes = [box for photo in find_boxed(empty_home.photos) for box in photo.boxes]
    assert {box.label for box in boxes} == ({"größe"} if form in ("yolo", "darknet") else {row[0] for row in ROWS})
