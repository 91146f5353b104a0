from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edgetl.vision import draw as draw_module
from edgetl.vision.draw import color, draw, draw_zones
from edgetl.vision.results import Classification, Detections
from edgetl.vision.zones import Line, Zone

LONG = "dragonfly, darning needle, devil's darning needle, sewing needle, snake feeder, snake doctor"


def result_of(*labels, score=0.97):
    return Classification(np.arange(len(labels)), np.full(len(labels), score, np.float32), labels)


def finds(size, *boxes, label="king", score=0.97):
    """Detections of class 0, 1, … in (left, top, right, bottom) shares of a frame of (height, width)."""
    count = len(boxes)
    xyxy = np.array(boxes, np.float32).reshape(-1, 4) * np.array(size[::-1] * 2, np.float32)
    return Detections(xyxy, np.full(count, score, np.float32), np.arange(count), (label,) * count, size[::-1])


@pytest.fixture
def lines(monkeypatch):
    """The (text, x, y, width) of what is written."""
    written = []
    put = cv2.putText

    def spy(frame, text, at, font, scale, colour, thickness, kind):
        written.append((text, *at, cv2.getTextSize(text, font, scale, thickness)[0][0]))
        return put(frame, text, at, font, scale, colour, thickness, kind)

    monkeypatch.setattr(cv2, "putText", spy)
    return written


@pytest.mark.parametrize("size", [(96, 96), (240, 320), (480, 640), (1080, 1920), (1920, 1080), (300, 4000)])
@pytest.mark.parametrize("background", [0, 128, 255])
def test_the_text_has_the_right_size_and_contrast(size, background):
    frame = np.full((*size, 3), background, np.uint8)
    draw(frame, result_of("glass"))
    bright = np.argwhere(frame.min(axis=2) > 200)
    strip = bright[bright[:, 0] < size[0] // 4]
    height = np.ptp(strip[:, 0]) + 1 if background < 255 else None
    assert (frame[0] <= 64).all(), "the strip is dark whatever is behind"
    assert (frame[size[0] // 2 :] == background).all(), "the picture below is as it was"
    if height:
        assert 7 <= height <= min(size) // 6
        assert height >= min(size) // 20


def test_the_picture_is_visible_through_the_strip():
    frame = np.zeros((240, 320, 3), np.uint8)
    frame[:, 200:] = 200
    draw(frame, result_of("a"))
    assert frame[0, 100].max() < frame[0, 300].min()


@pytest.mark.parametrize("width", [64, 96, 320, 640])
def test_long_label_is_cut_but_never_its_score(lines, width):
    draw(np.zeros((width * 3 // 4, width, 3), np.uint8), result_of(LONG))
    ((text, x, _, drawn),) = lines
    assert text.endswith(" 97%")
    assert x + drawn <= width


def test_each_class_has_a_line_of_its_own(lines):
    draw(np.zeros((480, 640, 3), np.uint8), result_of("a", "b", "c"))
    assert [text for text, *_ in lines] == ["a 97%", "b 97%", "c 97%"]
    heights = [y for _, _, y, _ in lines]
    assert heights == sorted(heights)
    assert np.diff(heights).min() > 20


def test_at_most_half_the_frame_is_covered(lines):
    frame = np.full((96, 96, 3), 255, np.uint8)
    draw(frame, result_of(*"abcdefghij"))
    assert 1 <= len(lines) < 10
    assert (frame[49:] == 255).all()


def test_an_empty_classification_is_drawn_as_nothing_known(lines):
    draw(np.zeros((240, 320, 3), np.uint8), result_of())
    assert lines[0][0] == "nothing known"


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (200, 8), (8, 200)])
def test_classes_can_be_drawn_on_tiny_frames(size):
    draw(np.zeros((*size, 3), np.uint8), result_of("cardboard"))


def test_part_of_a_larger_picture_can_be_drawn_on():
    picture = np.full((480, 640, 3), 128, np.uint8)
    draw(picture[100:300, 100:400], result_of("glass"))
    assert (picture[100:120, 100:400] != 128).any()
    picture[100:300, 100:400] = 128
    assert (picture == 128).all()


@pytest.mark.parametrize(
    ("label", "drawn"), [("glass", "glass"), ("Müll", "Mull"), ("猫", "class 5"), ("Ж 1", "1"), ("é-ñ", "e-n")]
)
def test_fonts_without_unicode_get_ascii(label, drawn):
    assert draw_module.drawable(label, 5, unicode=False) == drawn
    assert draw_module.drawable(label, 5, unicode=True) == label


SIZES = [(96, 96), (240, 320), (720, 1280), (1080, 1920), (1920, 1080), (300, 4000)]


@pytest.mark.parametrize("size", SIZES)
def test_box_is_drawn_where_it_is_in_its_classs_colour(size):
    frame = np.full((*size, 3), 128, np.uint8)
    draw(frame, finds(size, (0.25, 0.4, 0.5, 0.8), (0.6, 0.4, 0.9, 0.9)))
    for class_id, (x, y) in enumerate([(0.25, 0.7), (0.6, 0.8)]):
        x, y = round(x * size[1]), round(y * size[0])
        assert (frame[y, x] == color(class_id)).all()
    assert (frame[round(0.7 * size[0]), round(0.4 * size[1])] == 128).all(), "the box's inside is as it was"
    assert (frame[round(0.95 * size[0]) :] == 128).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("label", ["king", LONG])
def test_labels_stay_inside_the_frame(lines, size, label):
    corners = [(x, y, x + 0.1, y + 0.1) for x in (0, 0.45, 0.9) for y in (0, 0.02, 0.5, 0.9)]
    draw(np.zeros((*size, 3), np.uint8), finds(size, *corners, label=label))
    assert len(lines) == 12
    letter = max(9, min(size) / 36)
    for text, x, y, width in lines:
        assert text.endswith(" 97%")
        assert x >= 0
        assert x + width <= size[1]
        assert letter <= y <= size[0]


def test_labels_have_a_readable_size_in_proportion_to_the_frame(lines):
    for size in SIZES[1:4]:
        frame = np.full((*size, 3), 128, np.uint8)
        draw(frame, finds(size, (0.3, 0.3, 0.7, 0.7)))
        black = np.argwhere(frame.max(axis=2) < 60)
        height = np.ptp(black[:, 0]) + 1
        assert max(7, min(size) / 45) <= height <= min(size) / 15
    assert [text for text, *_ in lines] == ["king 97%"] * 3


def test_better_boxes_and_all_labels_lie_on_top():
    size = (480, 640)
    frame = np.full((*size, 3), 128, np.uint8)
    draw(frame, finds(size, (0.3, 0.3, 0.6, 0.6), (0.3, 0.3, 0.6, 0.6)))
    assert (frame[round(0.5 * 480), round(0.3 * 640)] == color(0)).all()


def test_colours_of_classes_are_fixed_and_distinct():
    assert [color(i) for i in range(3)] == [color(i) for i in range(3)]
    shown = np.array([color(i) for i in range(10)])
    apart = np.abs(shown[:, None] - shown).sum(axis=2) + np.eye(10) * 1000
    assert apart.min() > 60


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (200, 8), (8, 200)])
def test_boxes_can_be_drawn_on_tiny_frames(size):
    draw(np.zeros((*size, 3), np.uint8), finds(size, (0, 0, 1, 1), (0.5, 0.5, 0.6, 0.6)))


def test_a_result_without_objects_draws_nothing():
    frame = np.full((240, 320, 3), 128, np.uint8)
    draw(frame, finds((240, 320)))
    assert (frame == 128).all()


def test_boxes_of_a_picture_of_another_size_are_drawn_to_scale():
    large, small = np.zeros((480, 640, 3), np.uint8), np.zeros((240, 160, 3), np.uint8)
    result = finds((480, 640), (0.5, 0.25, 0.75, 0.75))
    draw(large, result)
    draw(small, result)
    for frame, (left, top, right, bottom) in ((large, (320, 120, 480, 360)), (small, (80, 60, 120, 180))):
        assert frame[bottom - 1, left:right].max(axis=1).min() > 0
        assert frame[bottom - 10, left + 10 : right - 10].max() == 0
        assert frame[top:bottom, right - 1].max(axis=1).min() > 0
        assert frame[bottom + 5 :].max() == 0


def test_track_is_written_beside_the_label(lines):
    size = (480, 640)
    found = replace(finds(size, (0.1, 0.3, 0.4, 0.6), (0.5, 0.3, 0.9, 0.9)), track=np.array([12, 7]))
    draw(np.zeros((*size, 3), np.uint8), found)
    assert sorted(text for text, *_ in lines) == ["king 12 97%", "king 7 97%"]


@pytest.mark.parametrize("size", [(240, 320), (1080, 1920), (1920, 1080)])
@pytest.mark.parametrize("background", [0, 128, 255])
def test_zones_and_lines_stand_out_where_they_are(lines, size, background):
    frame = np.full((*size, 3), background, np.uint8)
    zone, line = Zone.parse("door=0.1,0.2,0.4,0.2,0.4,0.8,0.1,0.8"), Line.parse("belt=0.7,0.9,0.7,0.1")
    draw_zones(frame, [zone], [(line, (3, 12))])
    for x, y in ((0.25, 0.8), (0.1, 0.5), (0.4, 0.5), (0.7, 0.3)):
        row, column = round(y * size[0]), round(x * size[1])
        around = frame[row - 12 : row + 12, column - 12 : column + 12]
        assert around.max() == 255
        assert around.min() < 90
    assert (frame[round(0.5 * size[0]), round(0.25 * size[1])] == background).all(), "the zone's inside is as it was"
    assert [text for text, *_ in lines] == ["door", "in", "belt 3 in, 12 out"]


def test_the_arrow_of_a_line_points_in_the_direction_in():
    """A line that leads up: what crosses from its left, the picture's left, comes in."""
    frame = np.zeros((480, 640, 3), np.uint8)
    draw_zones(frame, [], [(Line.parse("a=0.5,1,0.5,0"), (0, 0))])
    assert frame[240, 330:355].min() == 255
    assert frame[240, 280:310].max() == 0


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (200, 8), (8, 200)])
def test_zones_can_be_drawn_on_tiny_frames(size):
    zone, line = Zone.parse("a=0,0,1,0,1,1"), Line.parse("a=0,0,1,1")
    draw_zones(np.zeros((*size, 3), np.uint8), [zone], [(line, (0, 0))])


@pytest.mark.parametrize("label", ["\ud800", "caf\udce9", "\x1b[2J", "a\x00b", "\u202e", "x" * 30_000, "🔩" * 200])
def test_any_label_is_drawn(label):
    frame = np.zeros((240, 320, 3), np.uint8)
    draw(frame, result_of(label))
    draw(frame, finds((240, 320), (0.1, 0.1, 0.9, 0.9), label=label))
    draw_zones(frame, [Zone(label, ((0, 0), (1, 0), (1, 1)))], [(Line(label, ((0, 0), (1, 1))), (1, 2))])
    assert frame.any()
