from __future__ import annotations

import json

import pytest
from boxed import put_voc
from homes import draw_folders, edgetl, refused, unusable

ROWS = [("ace", 10, 20, 60, 70), ("king", 80, 20, 130, 90)]


@pytest.fixture
def boxes(empty_home):
    for i, part in enumerate(("train", "train", "val", "test")):
        put_voc(empty_home.photos / part / f"{i}.jpg", ROWS, seed=i)
    return empty_home.photos


def test_check(boxes):
    done = edgetl("data", "check", "photos")
    assert (done.code, done.out) == (0, "")
    assert "photos: Pascal VOC, 4 photos (train 2, val 1, test 1), 8 boxes" in done.err
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
    unusable(edgetl("data", "check", "photos", "--sheet", "sheet.jpg"), "'Ace' and 'ace' differ only by case or spaces")
    assert (boxes.parent / "sheet.jpg").is_file()


def test_sheet_of_another_kind_or_of_class_folders(boxes):
    refused(edgetl("data", "check", "photos", "--sheet", "sheet.png"), 2, "a sheet is a JPEG, not .png")
    draw_folders(boxes.parent / "folders", 2)
    done = edgetl("data", "check", "folders", "--sheet", "sheet.jpg")
    refused(done, 2, "a sheet shows boxes, and this data set has class folders")


def test_class_folders_are_checked(empty_home):
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
    assert "warning: boxes no longer marked difficult, because COCO can't express it: 1" in done.err


def test_convert_to_an_existing_folder_is_refused(boxes):
    (boxes.parent / "new").mkdir()
    refused(edgetl("data", "convert", "photos", "new", "--format", "coco"), 2, "the target exists already")


def test_convert_class_folders(empty_home):
    draw_folders(empty_home.photos, 2)
    unusable(edgetl("data", "convert", "photos", "new", "--format", "coco"), "no boxes are annotated here")
    assert not (empty_home.folder / "new").exists()
