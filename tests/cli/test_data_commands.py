from __future__ import annotations

import json
import re

import pytest
from boxed import coco_text, draw_photo, put, put_voc, xml_text
from homes import draw_folders, edgetl

ROWS = [("ace", 10, 20, 60, 70), ("king", 80, 20, 130, 90)]


@pytest.fixture
def boxes(empty_home):
    for i, part in enumerate(("train", "train", "val", "test")):
        put_voc(empty_home.photos / part / f"{i}.jpg", ROWS, seed=i)
    return empty_home.photos


def refused(done, *parts, code=3):
    assert done.code == code, done.err
    assert done.err.count("edgetl: ") == 1
    for part in parts:
        assert part in done.err
    assert "remedy: " in done.err
    assert "Traceback" not in done.err


def test_check(boxes):
    done = edgetl("data", "check", "photos")
    assert (done.code, done.out) == (0, "")
    assert "photos: Pascal VOC, train 2, val 1, test 1 photos, 8 boxes" in done.err
    assert "usable: yes" in done.err


def test_check_as_json(boxes):
    done = edgetl("data", "check", "photos", "--json")
    report = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert list(report) == [
        "root", "task", "format", "photos", "background", "boxes", "classes", "class_photos", "difficult", "crowd",
        "tiny", "areas", "sides", "mended", "unreadable", "exact_duplicates", "near_duplicates", "leaks", "notes",
        "warnings", "problems",
    ]  # fmt: skip
    assert (report["task"], report["format"], report["boxes"]) == ("detection", "Pascal VOC", 8)
    assert report["classes"]["ace"] == {"train": 2, "val": 1, "test": 1}


def test_check_with_a_sheet(boxes):
    done = edgetl("data", "check", "photos", "--sheet", "out/sheet.jpg")
    assert done.code == 0
    assert (boxes.parent / "out" / "sheet.jpg").read_bytes().startswith(b"\xff\xd8")


def test_sheet_of_an_unusable_set_is_drawn_too(boxes):
    put_voc(boxes / "train" / "x.jpg", [("Ace", 1, 2, 30, 40)])
    refused(edgetl("data", "check", "photos", "--sheet", "sheet.jpg"), "'Ace' and 'ace' differ only by case or spaces")
    assert (boxes.parent / "sheet.jpg").is_file()


def test_sheet_of_another_kind_or_of_class_folders(boxes):
    refused(edgetl("data", "check", "photos", "--sheet", "sheet.png"), "a sheet is a JPEG, not .png", code=2)
    draw_folders(boxes.parent / "folders", 2)
    done = edgetl("data", "check", "folders", "--sheet", "sheet.jpg")
    refused(done, "a sheet shows boxes, and this data set has class folders", code=2)


def test_class_folders_are_checked_as_before(empty_home):
    draw_folders(empty_home.photos, 3)
    done = edgetl("data", "check", "photos")
    assert done.code == 0
    assert "photos: 9 photos, 3 classes" in done.err


@pytest.mark.parametrize("kind", ["voc", "coco", "yolo", "csv"])
def test_convert(boxes, kind):
    done = edgetl("data", "convert", "photos", "new", "--format", kind)
    assert (done.code, done.out) == (0, "")
    assert done.err == "new: 4 photos, 8 boxes\n"
    before, after = (json.loads(edgetl("data", "check", root, "--json").out) for root in ("photos", "new"))
    for key in ("photos", "boxes", "classes", "areas", "sides"):
        assert after[key] == before[key]


def test_convert_says_what_is_lost(boxes):
    put_voc(boxes / "train" / "x.jpg", ROWS, difficult=(0,))
    done = edgetl("data", "convert", "photos", "new", "--format", "coco")
    assert "warning: 1 boxes are no longer marked difficult: COCO can't say it" in done.err


def test_convert_onto_something(boxes):
    (boxes.parent / "new").mkdir()
    refused(edgetl("data", "convert", "photos", "new", "--format", "coco"), "there is something already", code=2)


def test_convert_class_folders(empty_home):
    draw_folders(empty_home.photos, 2)
    refused(edgetl("data", "convert", "photos", "new", "--format", "coco"), "no boxes are annotated here")
    assert not (empty_home.folder / "new").exists()


def no_boxes(root):
    put_voc(root / "a.jpg", [])


def name_with_a_space(root):
    put_voc(root / "a.jpg", [("ace", 1, 2, 30, 40), ("ace ", 1, 2, 30, 40)])


def all_outside(root):
    put_voc(root / "a.jpg", [("ace", 500, 2, 600, 40)])


def no_xml(root):
    put(draw_photo(root / "a.jpg").with_suffix(".xml"), "<annotation><object>")


def entity_bomb(root):
    text = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><annotation><filename>&c;</filename></annotation>'
    put(draw_photo(root / "a.jpg").with_suffix(".xml"), text)


def no_json(root):
    draw_photo(root / "a.jpg")
    put(root / "_annotations.coco.json", "{")


def json_without_photos(root):
    put(root / "annotations" / "instances_train.json", coco_text({"gone.jpg": ROWS, "away.jpg": ROWS}))


def yolo(line):
    def make(root):
        draw_photo(root / "images" / "a.jpg")
        put(root / "labels" / "a.txt", f"0 0.5 0.5 0.5 0.5\n{line}\n")
        put(root / "data.yaml", "train: images\nval: images\nnames: [ace]\n")

    return make


def mixed(root):
    put_voc(root / "a.jpg", ROWS)
    put(root / "all.json", coco_text({"a.jpg": ROWS}))


BAD = {
    "no boxes at all": (no_boxes, "none of the 1 photos has a box", "where: photos"),
    "a name that differs by a space": (name_with_a_space, "'ace' and 'ace ' differ only by case or spaces", "photos"),
    "all boxes outside": (all_outside, "no box is left", "where: photos"),
    "no XML": (no_xml, "is not XML", "where: photos/a.xml:1"),
    "entity bomb": (entity_bomb, "it has a DOCTYPE", "where: photos/a.xml"),
    "no JSON": (no_json, "is not JSON", "where: photos/_annotations.coco.json:1"),
    "JSON without its photos": (json_without_photos, "all 2 annotated photos are missing", "gone.jpg"),
    "4 numbers": (yolo("0 0.5 0.5 0.5"), "a line has 4 numbers, not 5", "where: photos/labels/a.txt:2"),
    "6 numbers": (yolo("0 0.5 0.5 0.5 0.5 1"), "a line has 6 numbers, not 5", "where: photos/labels/a.txt:2"),
    "class number": (yolo("1 0.5 0.5 0.5 0.5"), "the class 1 is none of the 1", "where: photos/labels/a.txt:2"),
    "mixed formats": (mixed, "annotated in two formats: Pascal VOC (a.xml) and COCO (all.json)", "keep one format"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_sets_are_refused_by_both_commands(empty_home, name):
    make, *parts = BAD[name]
    make(empty_home.photos)
    refused(edgetl("data", "check", "photos"), *parts)
    refused(edgetl("data", "convert", "photos", "new", "--format", "voc"), *parts)
    assert not (empty_home.folder / "new").exists()


def test_warnings_leave_the_set_usable(boxes):
    put_voc(boxes / "train" / "once.jpg", [("ten", 1, 2, 30, 40), ("ace", 100, 2, 300, 40)])
    put(boxes / "train" / "gone.xml", xml_text("gone.jpg", ROWS))
    done = edgetl("data", "check", "photos")
    assert done.code == 0
    assert "warning: 1 annotated photos are missing and left out: train/gone.xml: gone.jpg" in done.err
    assert "warning: in one photo only, so never both trained and validated on: ten" in done.err
    assert re.search(r"clipped:\n  train/once.jpg: ace 100,2,300,40", done.err)


def test_test_folder_inside_the_training_folder(empty_home):
    for i, folder in enumerate(("train", "train/test")):
        put_voc(empty_home.photos / folder / f"{i}.jpg", ROWS, seed=i)
    report = json.loads(edgetl("data", "check", "photos", "--json").out)
    assert report["photos"] == {"train": 1, "test": 1}
