from __future__ import annotations

import shutil

import pytest
from boxed import draw_photo, put, put_turned, put_voc, seen, xml_text

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.check import check_boxes

ROWS = [("ace", 10, 20, 60, 70), ("king", 80, 20, 130, 90)]


def draw_set(root, parts=("",), count=3, rows=ROWS):
    for seed, part in enumerate(parts):
        for i in range(count):
            put_voc(root / part / f"{part}{i}.jpg", rows, seed=100 * seed + i)
    return root


def problems(root):
    return check_boxes(root).report.problems


def test_the_report_counts_photos_boxes_and_classes(empty_home):
    root = draw_set(empty_home.photos, ("train", "val", "test"), rows=[*ROWS, ("ten", 0, 0, 160, 120)])
    put_voc(root / "train" / "bare.jpg", [])
    put_voc(root / "train" / "marked.jpg", ROWS, difficult=(1,))
    checked = check_boxes(root)
    report = checked.report
    assert report.photos == {"train": 5, "val": 3, "test": 3}
    assert report.background == {"train": 1}
    assert report.boxes == 29
    assert report.classes["ace"] == {"train": 4, "val": 3, "test": 3}
    assert report.class_photos == {"ace": 10, "king": 10, "ten": 9}
    assert (report.difficult, report.crowd, report.tiny) == (1, 0, 0)
    assert report.areas == {"small": 0, "medium": 20, "large": 9}
    assert report.sides["p50"] == pytest.approx((50 * 70 / (160 * 120)) ** 0.5, abs=1e-3)
    assert report.problems == []
    assert len(checked.photos) == len(checked.records) == 11
    text = report.to_text()
    assert "Pascal VOC, 11 photos (train 5, val 3, test 3), 29 boxes" in text
    assert "ace   10 boxes (train 4, val 3, test 3) in 10 photos" in text
    assert text.endswith("usable: yes")


def test_tiny_boxes_are_kept_and_counted(empty_home):
    root = draw_set(empty_home.photos, rows=[("ace", 10, 10, 13, 60), ("king", 10, 10, 14, 60)])
    report = check_boxes(root).report
    assert (report.boxes, report.tiny) == (6, 3)
    assert any("3 tiny boxes" in text for text in report.warnings)


def test_names_that_differ_by_case_or_spaces(empty_home):
    root = draw_set(empty_home.photos)
    put_voc(root / "x.jpg", [("a ce", 1, 2, 30, 40), ("King", 1, 2, 30, 40)])
    assert problems(root) == [
        "the classes 'King' and 'king' differ only by case or spaces",
        "the classes 'a ce' and 'ace' differ only by case or spaces",
    ]
    with pytest.raises(DatasetError, match="differ only by case or spaces") as caught:
        check_boxes(root).report.require_usable()
    assert caught.value.remedy


def test_class_that_train_lacks(empty_home):
    root = draw_set(empty_home.photos, ("train", "val"))
    put_voc(root / "val" / "x.jpg", [("ten", 1, 2, 30, 40)])
    assert problems(root) == ["val/ has classes that train/ lacks: ten"]


def test_parts_without_train(empty_home):
    root = draw_set(empty_home.photos, ("val", "test"))
    assert problems(root) == ["no photo is in train/"]


@pytest.mark.parametrize(("end", "size_wh", "warned"), [(98, (640, 480), 1), (101, (640, 480), 0), (98, (160, 120), 0)])
def test_coordinates_that_may_be_percent(empty_home, end, size_wh, warned):
    rows = [("ace", 5 + i, 10, end, 90) for i in range(5)]
    for seed, name in enumerate(("a.jpg", "b.jpg")):
        draw_photo(empty_home.photos / name, rows, size_wh, seed=seed)
        put((empty_home.photos / name).with_suffix(".xml"), xml_text(name, rows, size_wh))
    assert sum("percent" in text for text in check_boxes(empty_home.photos).report.warnings) == warned


def test_class_in_one_photo_only(empty_home):
    root = draw_set(empty_home.photos)
    put_voc(root / "x.jpg", [("ten", 1, 2, 30, 40), ("ten", 50, 2, 80, 40)])
    report = check_boxes(root).report
    assert report.problems == []
    assert "in one photo only, so never both trained and validated on: ten" in report.warnings


def test_corrections_of_boxes_are_reported(empty_home):
    root = draw_set(empty_home.photos)
    put_voc(root / "x.jpg", [*ROWS, ROWS[0], ("ace", 5, 5, 5, 9), ("ace", 900, 1, 950, 9), ("ace", 1, 1, 900, 9)])
    report = check_boxes(root).report
    assert report.boxes == 9
    assert {kind: len(names) for kind, names in report.mended.items()} == {
        "boxes without area, dropped": 1,
        "boxes outside their photo, dropped": 1,
        "boxes that reach out of their photo, clipped": 1,
        "boxes annotated twice, dropped": 1,
    }
    assert "boxes without area, dropped: 1" in report.warnings
    assert "x.jpg: ace 5,5,5,9" in report.to_text()


def test_all_boxes_outside(empty_home):
    put_voc(empty_home.photos / "a.jpg", [("ace", 900, 900, 950, 950)])
    assert problems(empty_home.photos) == ["no box is left after cleaning"]


def test_a_set_without_a_readable_photo_is_unusable(empty_home):
    put_voc(empty_home.photos / "a.jpg", ROWS).write_bytes(b"junk")
    (problem,) = problems(empty_home.photos)
    assert problem.startswith("none of the photos can be read (1 photo): a.jpg: is not a JPEG")


def test_duplicates_across_parts_are_reported(empty_home):
    root = draw_set(empty_home.photos, ("train", "test"))
    shutil.copy(root / "train" / "train0.jpg", root / "test" / "same.jpg")
    put(root / "test" / "same.xml", xml_text("same.jpg", ROWS))
    report = check_boxes(root).report
    assert ["test/same.jpg", "train/train0.jpg"] in report.leaks
    assert any("duplicates in different parts of the split" in text for text in report.warnings)


def test_yolo_on_a_rotated_photo_is_upright(empty_home):
    path = put_turned(empty_home.photos / "images" / "a.jpg", 6)
    x1, y1, x2, y2 = seen(path)
    line = f"0 {(x1 + x2) / 240} {(y1 + y2) / 320} {(x2 - x1) / 120} {(y2 - y1) / 160}\n"
    put(empty_home.photos / "labels" / "a.txt", line)
    put(empty_home.photos / "data.yaml", "train: images\nval: images\nnames: [ace]\n")
    (photo,) = check_boxes(empty_home.photos).photos
    assert photo.boxes[0].xyxy == pytest.approx((x1, y1, x2, y2))


def test_upper_case_suffixes(empty_home):
    draw_photo(empty_home.photos / "A.JPG")
    put(empty_home.photos / "A.XML", xml_text("a.jpg", ROWS))
    assert check_boxes(empty_home.photos).report.boxes == 2


@pytest.mark.real_data
def test_real_cards(data_folder, empty_home):
    report = check_boxes(data_folder / "detection" / "cards").report
    assert report.photos == {"train": 296, "test": 67}
    assert report.boxes == 527 + 143
    assert sum(row["train"] for row in report.classes.values()) == 527
    assert len(report.classes) == 6
    assert report.mended == {}
    assert report.problems == []
    assert "every photo has its XML, which is read; the CSV says the same" in report.warnings[0]


@pytest.mark.real_data
def test_real_bccd(data_folder, empty_home):
    report = check_boxes(data_folder / "detection" / "bccd").report
    assert report.photos == {"train": 205, "val": 87, "test": 72}
    assert report.boxes == 4888 - 2
    assert {label: sum(row.values()) for label, row in report.classes.items()} == {
        "Platelets": 361,
        "RBC": 4155 - 2,
        "WBC": 372,
    }
    assert {what: len(rows) for what, rows in report.mended.items()} == {"boxes without area, dropped": 2}
    assert report.problems == []
