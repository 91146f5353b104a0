from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgetl.vision import draw as draw_module
from edgetl.vision.draw import draw
from edgetl.vision.results import Classification

LONG = "dragonfly, darning needle, devil's darning needle, sewing needle, snake feeder, snake doctor"


def says(*labels, score=0.97):
    return Classification(np.arange(len(labels)), np.full(len(labels), score, np.float32), labels)


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
def test_text_is_there_in_proportion_and_stands_out(size, background):
    frame = np.full((*size, 3), background, np.uint8)
    draw(frame, says("glass"))
    bright = np.argwhere(frame.min(axis=2) > 200)
    strip = bright[bright[:, 0] < size[0] // 4]
    height = np.ptp(strip[:, 0]) + 1 if background < 255 else None
    assert (frame[0] <= 64).all(), "the strip is dark whatever is behind"
    assert (frame[size[0] // 2 :] == background).all(), "the picture below is as it was"
    if height:
        assert 7 <= height <= min(size) // 6
        assert height >= min(size) // 20


def test_strip_lets_the_picture_show():
    frame = np.zeros((240, 320, 3), np.uint8)
    frame[:, 200:] = 200
    draw(frame, says("a"))
    assert frame[0, 100].max() < frame[0, 300].min()


@pytest.mark.parametrize("width", [64, 96, 320, 640])
def test_long_label_is_cut_but_never_its_score(lines, width):
    draw(np.zeros((width * 3 // 4, width, 3), np.uint8), says(LONG))
    ((text, x, _, drawn),) = lines
    assert text.endswith(" 97%")
    assert x + drawn <= width


def test_classes_stand_below_each_other(lines):
    draw(np.zeros((480, 640, 3), np.uint8), says("a", "b", "c"))
    assert [text for text, *_ in lines] == ["a 97%", "b 97%", "c 97%"]
    heights = [y for _, _, y, _ in lines]
    assert heights == sorted(heights)
    assert np.diff(heights).min() > 20


def test_at_most_half_the_frame_is_covered(lines):
    frame = np.full((96, 96, 3), 255, np.uint8)
    draw(frame, says(*"abcdefghij"))
    assert 1 <= len(lines) < 10
    assert (frame[49:] == 255).all()


def test_nothing_known_is_said(lines):
    draw(np.zeros((240, 320, 3), np.uint8), says())
    assert lines[0][0] == "nothing known"


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (200, 8), (8, 200)])
def test_tiny_frames_do_no_harm(size):
    draw(np.zeros((*size, 3), np.uint8), says("cardboard"))


def test_part_of_a_larger_picture_can_be_drawn_on():
    picture = np.full((480, 640, 3), 128, np.uint8)
    draw(picture[100:300, 100:400], says("glass"))
    assert (picture[100:120, 100:400] != 128).any()
    picture[100:300, 100:400] = 128
    assert (picture == 128).all()


@pytest.mark.parametrize(
    ("label", "drawn"), [("glass", "glass"), ("Müll", "Mull"), ("猫", "class 5"), ("Ж 1", "1"), ("é-ñ", "e-n")]
)
def test_fonts_without_unicode_get_ascii(label, drawn):
    assert draw_module._drawable(label, 5, unicode=False) == drawn
    assert draw_module._drawable(label, 5, unicode=True) == label
