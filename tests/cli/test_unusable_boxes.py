from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from boxed import coco_text, csv_text, draw_photo, put, put_turned, put_voc, seen, xml_text
from homes import edgetl, unusable

ROWS = [("ace", 10, 20, 60, 70), ("king", 80, 20, 130, 90)]
LINE = "0 0.5 0.5 0.5 0.5\n"
TINY = ("--weights", "none", "--size", "96", "--epochs", "1", "--backbone", "mobilenet_v1", "--alpha", "0.25")
"""Options of the quickest training of a detector."""


def check(root="photos"):
    """The report, and whether the set is usable."""
    done = edgetl("data", "check", root, "--json")
    assert done.code in (0, 3), done.err
    return json.loads(done.out), done.code == 0


@pytest.fixture
def boxes(empty_home):
    """A usable set in parts."""
    for i, part in enumerate(("train", "train", "val", "test")):
        put_voc(empty_home.photos / part / f"{i}.jpg", ROWS, seed=i)
    return empty_home.photos


def put_yolo(root, *photos, line=LINE, yaml="train: images\nval: images\nnames: [ace]\n"):
    """Photos below `images/` with one line each, and `data.yaml`."""
    for i, name in enumerate(photos):
        draw_photo(root / "images" / name, seed=i)
        put((root / "labels" / name).with_suffix(".txt"), line)
    put(root / "data.yaml", yaml)


def no_boxes(root):
    put_voc(root / "a.jpg", [])
    put_voc(root / "b.jpg", [])


def no_boxes_in_json(root):
    draw_photo(root / "a.jpg")
    put(root / "all.json", coco_text({"a.jpg": []}))


def name_with_a_space(root):
    put_voc(root / "a.jpg", [("ace", 1, 2, 30, 40), ("a ce", 1, 2, 30, 40)])


def name_in_capitals(root):
    put(root / "all.csv", csv_text({"a.jpg": [("ace", 1, 2, 30, 40)], "b.jpg": [("Ace", 1, 2, 30, 40)]}))
    draw_photo(root / "a.jpg")
    draw_photo(root / "b.jpg")


def all_outside(root):
    put_voc(root / "a.jpg", [("ace", 500, 2, 600, 40)])


def one_photo(root):
    put_voc(root / "a.jpg", ROWS)


def no_xml(root):
    put(draw_photo(root / "a.jpg").with_suffix(".xml"), "<annotation><object>")


def empty_xml(root):
    put(draw_photo(root / "a.jpg").with_suffix(".xml"), "")


def other_xml(root):
    put(draw_photo(root / "a.jpg").with_suffix(".xml"), "<html><body/></html>")


def entity_bomb(root):
    text = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><annotation><filename>&c;</filename></annotation>'
    put(draw_photo(root / "a.jpg").with_suffix(".xml"), text)


def no_json(root):
    draw_photo(root / "a.jpg")
    put(root / "_annotations.coco.json", "{")


def cut_json(root):
    draw_photo(root / "images" / "a.jpg")
    put(root / "all.json", coco_text({"a.jpg": ROWS})[:60])


def json_without_photos(root):
    put(root / "annotations" / "instances_train.json", coco_text({"gone.jpg": ROWS, "away.jpg": ROWS}))


def xml_without_photos(root):
    put(root / "gone.xml", xml_text("gone.jpg", ROWS))


def yaml_without_photos(root):
    (root / "images").mkdir(parents=True)
    put_yolo(root)


def labels_without_photos(root):
    (root / "images").mkdir(parents=True)
    put_yolo(root)
    put(root / "labels" / "gone.txt", LINE)


def yolo(line):
    return lambda root: put_yolo(root, "a.jpg", line=f"{LINE}{line}\n")


def labels_without_yaml(root):
    put_yolo(root, "a.jpg")
    (root / "data.yaml").unlink()


def labels_beside_without_yaml(root):
    put(draw_photo(root / "a.jpg").with_suffix(".txt"), LINE)


def mixed(root):
    put_voc(root / "a.jpg", ROWS)
    put(root / "all.json", coco_text({"a.jpg": ROWS}))


def mixed_with_labels(root):
    put_yolo(root, "a.jpg")
    put_voc(root / "images" / "b.jpg", ROWS)


def twice(root):
    draw_photo(root / "a.jpg")
    for name in ("one.json", "two.json"):
        put(root / name, coco_text({"a.jpg": ROWS}))


BAD = {
    "no boxes at all": (no_boxes, "none of the photos has a box (2 photos)", "where: photos"),
    "no boxes in the JSON": (no_boxes_in_json, "none of the photos has a box (1 photo)", "where: photos"),
    "a name with a space": (name_with_a_space, "'a ce' and 'ace' differ only by case or spaces", "where: photos"),
    "a name in capitals": (name_in_capitals, "'Ace' and 'ace' differ only by case or spaces", "where: photos"),
    "all boxes outside": (all_outside, "no box is left", "where: photos"),
    "no XML": (no_xml, "is not XML", "where: photos/a.xml:1"),
    "empty XML": (empty_xml, "is not XML", "where: photos/a.xml:1"),
    "other XML": (other_xml, "begins with <html>, not with <annotation>", "where: photos/a.xml"),
    "entity bomb": (entity_bomb, "it has a DOCTYPE", "where: photos/a.xml"),
    "no JSON": (no_json, "is not JSON", "where: photos/_annotations.coco.json:1"),
    "cut JSON": (cut_json, "is not JSON", "where: photos/all.json:1"),
    "JSON without its photos": (json_without_photos, "all annotated photos are missing (2)", "gone.jpg"),
    "XML without its photos": (xml_without_photos, "all annotated photos are missing (1)", "gone.xml: gone.jpg"),
    "YAML without photos": (yaml_without_photos, "the annotations are of no photo here", "where: photos"),
    "labels without photos": (labels_without_photos, "all annotated photos are missing (1)", "labels/gone.txt: gone"),
    "4 numbers": (yolo("0 0.5 0.5 0.5"), "a line has 4 numbers, not 5", "where: photos/labels/a.txt:2"),
    "6 numbers": (yolo("0 0.5 0.5 0.5 0.5 1"), "a line has 6 numbers, not 5", "where: photos/labels/a.txt:2"),
    "class number": (
        yolo("1 0.5 0.5 0.5 0.5"),
        "the class 1 is not in data.yaml, which names 1 class",
        "where: photos/labels/a.txt:2",
    ),
    "px for shares": (yolo("0 80 60 40 40"), "in shares of the photo, 0 to 1, not 80 60 40 40", "labels/a.txt:2"),
    "no YAML": (labels_without_yaml, "no data.yaml names the classes of the labels, such as labels/a.txt"),
    "no YAML, labels beside": (labels_beside_without_yaml, "no data.yaml names the classes of the labels"),
    "mixed formats": (mixed, "annotated in two formats: Pascal VOC (a.xml) and COCO (all.json)", "keep one format"),
    "mixed with labels": (mixed_with_labels, "two formats: Pascal VOC (images/b.xml) and YOLO (data.yaml)"),
    "annotated twice": (twice, "a.jpg is annotated twice: in photos/one.json and in photos/two.json"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_sets_are_refused_by_every_command(empty_home, name):
    make, *parts = BAD[name]
    make(empty_home.photos)
    unusable(edgetl("data", "check", "photos"), *parts)
    unusable(edgetl("data", "convert", "photos", "new", "--format", "voc"), *parts)
    assert not (empty_home.folder / "new").exists()
    unusable(edgetl("train", "photos", "--name", "new", *TINY), *parts)
    assert not empty_home.models.exists() or not list(empty_home.models.glob("*new*"))


@pytest.mark.parametrize("command", [("data", "check"), ("train", "--name", "new", *TINY)])
def test_one_photo_can_be_converted_but_not_trained_on(empty_home, command):
    one_photo(empty_home.photos)
    unusable(edgetl(*command, "photos"), "only one photo with boxes; one to train on and one to validate on are needed")
    assert edgetl("data", "convert", "photos", "new", "--format", "coco").code == 0


@pytest.mark.parametrize("command", [("data", "check"), ("train", "--name", "new", *TINY)])
def test_empty_folder_names_both_kinds_of_data_set(empty_home, command):
    empty_home.photos.mkdir()
    kinds = ("one folder of photos for each class", "Pascal VOC, COCO, YOLO or CSV")
    unusable(edgetl(*command, "photos"), "no class folders with photos here, and no annotated boxes\n", *kinds)
    unusable(edgetl(*command, "gone"), "there is no such folder", *kinds)


@pytest.mark.parametrize("command", [("data", "check"), ("train", "--name", "new", *TINY)])
def test_files_of_no_known_format_are_named(empty_home, command):
    draw_photo(empty_home.photos / "a.jpg")
    put(empty_home.photos / "train.json", "{}")
    unusable(
        edgetl(*command, "photos"), "(1 photo outside any class folder; in no known annotation format: train.json)"
    )
    (empty_home.photos / "images").mkdir()
    (empty_home.photos / "a.jpg").rename(empty_home.photos / "images" / "a.jpg")
    message = "only one class, 'images'; two or more are needed (in no known annotation format: train.json)"
    unusable(edgetl(*command, "photos"), message)


def test_some_boxes_outside_and_a_class_in_one_photo_leave_the_set_usable(boxes):
    put_voc(boxes / "train" / "once.jpg", [("ten", 1, 2, 30, 40), ("ace", 100, 2, 300, 40), ("ace", 170, 2, 300, 40)])
    done = edgetl("data", "check", "photos")
    assert done.code == 0
    assert "warning: in one photo only, so never both trained and validated on: ten" in done.err
    assert "clipped:\n  train/once.jpg: ace 100,2,300,40" in done.err
    assert "outside their photo, dropped:\n  train/once.jpg: ace 170,2,300,40" in done.err


def test_photos_without_annotation_and_annotations_without_photo_are_warned_of(boxes):
    put(boxes / "train" / "gone.xml", xml_text("gone.jpg", ROWS))
    draw_photo(boxes / "train" / "bare.jpg")
    report, usable = check()
    assert usable
    assert report["photos"] == {"train": 2, "val": 1, "test": 1}
    assert report["warnings"][:2] == [
        "1 annotated photo missing, left out: train/gone.xml: gone.jpg",
        "1 photo without an annotation, left out: train/bare.jpg",
    ]


def test_photos_without_label_and_labels_without_photo_are_warned_of(empty_home):
    put_yolo(empty_home.photos, "a.jpg", "b.jpg")
    put(empty_home.photos / "labels" / "gone.txt", LINE)
    put(empty_home.photos / "labels" / "classes.txt", "ace\n")
    draw_photo(empty_home.photos / "images" / "bare.jpg")
    report, usable = check()
    assert usable
    assert (report["photos"], report["background"]) == ({"all": 3}, {"all": 1})
    assert report["notes"] == [
        "1 photo without a label file, used as background as in YOLO",
        "1 annotated photo missing, left out: labels/gone.txt: gone",
    ]


def test_some_photos_of_a_json_are_missing(empty_home):
    for name in ("a.jpg", "b.jpg"):
        draw_photo(empty_home.photos / name)
    put(empty_home.photos / "all.json", coco_text({"a.jpg": ROWS, "b.jpg": ROWS, "gone.jpg": ROWS}))
    report, usable = check()
    assert (usable, report["photos"]) == (True, {"all": 2})
    assert "1 annotated photo missing, left out: all.json: gone.jpg" in report["warnings"]


def test_the_same_photo_in_train_and_test_is_warned_of(boxes):
    shutil.copy(boxes / "train" / "0.jpg", boxes / "test" / "copy.jpg")
    put(boxes / "test" / "copy.xml", xml_text("copy.jpg", ROWS))
    report, usable = check()
    assert usable
    assert report["leaks"] == [["test/copy.jpg", "train/0.jpg"]]
    assert (
        "duplicates in different parts of the split: 1 group; accuracy measured on it will be too high"
        in report["warnings"]
    )


@pytest.mark.parametrize("kind", ["voc", "coco", "yolo", "csv"])
def test_test_folder_inside_the_training_folder_is_not_trained_on(empty_home, kind):
    names = ["train/a.jpg", "train/b.jpg", "train/test/c.jpg"]
    root = empty_home.photos
    if kind == "yolo":
        put_yolo(root, *names, yaml="train: images/train\nnames: [ace]\n")
    for i, name in enumerate(names if kind != "yolo" else ()):
        (put_voc if kind == "voc" else draw_photo)(root / name, ROWS, seed=i)
    if kind == "coco":
        put(root / "train.json", coco_text(dict.fromkeys(names, ROWS)))
    if kind == "csv":
        put(root / "train_labels.csv", csv_text(dict.fromkeys(names, ROWS)))
    report, usable = check()
    assert (usable, report["photos"]) == (True, {"train": 2, "test": 1})


def test_val_that_is_called_test_is_validated_on(empty_home):
    yaml = "train: images/train\nval: images/test\nnames: [ace]\n"
    put_yolo(empty_home.photos, "train/a.jpg", "train/b.jpg", "test/c.jpg", yaml=yaml)
    report, usable = check()
    assert (usable, report["photos"]) == (True, {"train": 2, "val": 1})


def test_upper_case_suffixes_and_folders(empty_home):
    for i, name in enumerate("AB"):
        draw_photo(empty_home.photos / f"{name}.JPG", seed=i)
        put(empty_home.photos / f"{name}.XML", xml_text(f"{name}.jpg", ROWS))
    put_yolo(Path("yolo"))
    for i, name in enumerate("AB"):
        draw_photo(Path("yolo") / "images" / f"{name}.JPG", seed=i)
        put(Path("yolo") / "Labels" / f"{name}.TXT", LINE)
    for root, count in (("photos", 4), ("yolo", 2)):
        report, usable = check(root)
        assert (usable, report["boxes"], report["background"]) == (True, count, {})


def test_labels_beside_photos_in_a_folder_called_images(empty_home):
    put_yolo(empty_home.photos, "a.jpg", "b.jpg")
    for name in ("a.txt", "b.txt"):
        (empty_home.photos / "labels" / name).rename(empty_home.photos / "images" / name)
    report, usable = check()
    assert (usable, report["boxes"], report["background"]) == (True, 2, {})


@pytest.mark.parametrize("kind", ["voc", "coco", "csv"])
@pytest.mark.parametrize("orientation", [6, 8])
def test_boxes_of_rotated_photos_are_right_in_the_upright_picture(empty_home, kind, orientation):
    rows = {name: [("ace", 20, 30, 70, 50)] for name in ("a.jpg", "b.jpg")}
    for name in rows:
        put_turned(empty_home.photos / name, orientation)
        if kind == "voc":
            put(empty_home.photos / f"{name[0]}.xml", xml_text(name, rows[name]))
    if kind != "voc":
        text = coco_text(rows) if kind == "coco" else csv_text(rows)
        put(empty_home.photos / ("all.json" if kind == "coco" else "all.csv"), text)
    done = edgetl("data", "convert", "photos", "new", "--format", "csv")
    assert done.code == 0
    assert "photos rotated by EXIF, boxes rotated with them: 2" in done.err
    line = Path("new/labels.csv").read_text().splitlines()[1].split(",")
    assert line[:4] == ["a.jpg", "120", "160", "ace"]
    assert tuple(map(float, line[4:])) == seen(Path("new/images/a.jpg"))
