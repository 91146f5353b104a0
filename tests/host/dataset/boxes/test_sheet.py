from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from boxed import box, draw_photo

from edgetl.errors import DatasetError, UsageError
from edgetl.host.dataset.boxes import sheet
from edgetl.host.dataset.boxes.boxed_photo import BoxedPhoto
from edgetl.host.dataset.boxes.sheet import sample, write_sheet
from edgetl.vision.draw import drawable


def photo(path, *boxes):
    return BoxedPhoto(path, "", boxes, (160, 120), "x")


def test_sheet_shows_photos_and_boxes(tmp_path):
    size = (640, 480)
    photos = [
        BoxedPhoto(draw_photo(tmp_path / f"{i}.jpg", size_wh=size), "", (box(("ace", "king")[i % 2]),), size, "x")
        for i in range(6)
    ]
    write_sheet(tmp_path / "out.jpg", photos)
    picture = cv2.imread(str(tmp_path / "out.jpg"))
    assert picture.shape == (2 * 360 + 26, 4 * 360, 3)
    # The box of the first photo: 10, 10, 50, 60 of 640 px within the cell's 348.
    scale, left, top = 348 / 640, 6, (360 - 261) // 2
    line = picture[top + round(20 * scale) : top + round(50 * scale), left + round(50 * scale)].astype(int)
    assert (np.ptp(line.mean(axis=0)) > 60).all()  # the colour of its class, not grey
    assert (picture[500, -5] < 60).all()  # an empty cell


def test_each_class_is_sampled(tmp_path):
    photos = [photo(Path(f"{i:03}"), box("ace")) for i in range(100)]
    photos[60] = photo(Path("060"), box("rare"))
    photos[10] = photo(Path("010"))
    chosen = sample(photos, 8)
    names = [int(item.path.name) for item in chosen]
    assert len(names) == len(set(names)) == 8
    assert 60 in names
    assert 10 not in names
    assert max(names) > 60


def test_a_sheet_of_fewer_photos_than_its_limit():
    assert [item.path.name for item in sample([photo(Path("a"), box(), box("king")), photo(Path("b"))], 9)] == ["a"]


def test_a_hundred_classes_and_long_names(tmp_path):
    path = draw_photo(tmp_path / "a.jpg")
    boxes = [box(f"a rather long name of class {i}", (i, i, i + 10, i + 10)) for i in range(100)]
    write_sheet(tmp_path / "out.jpeg", [photo(path, *boxes)])
    assert cv2.imread(str(tmp_path / "out.jpeg")).shape[1] == 360


def test_a_sheet_with_another_suffix_or_without_boxes_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"a sheet is a JPEG, not .png"):
        write_sheet(tmp_path / "out.png", [])
    with pytest.raises(DatasetError, match="there are no boxes to draw"):
        write_sheet(tmp_path / "out.jpg", [photo(tmp_path / "a.jpg")])


def test_names_that_this_opencv_can_not_write_are_replaced(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(sheet, "drawable", lambda label, number: drawable(label, number, unicode=False))
    monkeypatch.setattr(sheet, "_name", lambda cell, pen, x, y: written.append(pen.name))
    write_sheet(tmp_path / "out.jpg", [photo(draw_photo(tmp_path / "a.jpg"), box("Müll"), box("ゴミ"))])
    assert set(written) == {"Mull", "class 1"}
