"""A covered lens and a lens that is out of focus are reported."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from fakes import drawn_scene, noisy

from edgetl.device.camera.frame import Frame
from edgetl.device.run.lens import EVERY, LensMonitor, measure

SIZE = (480, 640)


@pytest.fixture(scope="module")
def scene():
    return drawn_scene(SIZE, (8, 40, 160))


class Wall:
    """A camera on a wall that delivers one picture a second."""

    def __init__(self, delay=60.0):
        self.monitor = LensMonitor(delay)
        self.at, self.index = 1000.0, 0

    def see(self, image, seconds):
        """Shows a picture for so long; returns the events as (kind, seconds since it was shown first)."""
        events, since = [], self.at
        variants = [noisy(image, seed) for seed in range(2)]
        for _ in range(seconds):
            frame = Frame(variants[self.index % 2], self.at, self.index)
            events += [(event.kind, round(event.at - since)) for event in self.monitor(frame)]
            self.at, self.index = self.at + 1, self.index + 1
        return events


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("dark", lambda image: image // 40),
        ("dark", lambda image: np.zeros_like(image)),
        ("blurred", lambda image: cv2.GaussianBlur(image, (0, 0), 4)),
        ("blurred", lambda image: np.full_like(image, 120)),
        ("blurred", lambda image: np.full_like(image, 45)),
    ],
)
def test_a_covered_or_blurred_lens_is_reported_after_a_minute_and_so_is_its_end(scene, kind, spoil):
    wall = Wall()
    assert wall.see(scene, 90) == []
    ((reported, after),) = wall.see(spoil(scene), 200)
    assert (reported, 59 <= after <= 62) == (kind, True)
    ((reported, after),) = wall.see(scene, 60)
    assert (reported, 9 <= after <= 12) == ("clear", True)


def test_short_troubles_and_changes_of_light_are_not_reported(scene):
    wall = Wall()
    wall.see(scene, 90)
    for _ in range(5):
        assert wall.see(scene // 40, 50) == []
        assert wall.see(scene, 5) == []
    assert wall.see(scene // 2, 200) == []
    assert wall.see(cv2.flip(scene, 1), 200) == []


def test_a_camera_that_starts_covered_is_reported_and_learns_later(scene):
    wall = Wall()
    assert [kind for kind, _ in wall.see(np.zeros_like(scene), 100)] == ["dark"]
    assert [kind for kind, _ in wall.see(scene, 100)] == ["clear"]
    assert [kind for kind, _ in wall.see(cv2.GaussianBlur(scene, (0, 0), 4), 100)] == ["blurred"]


def test_two_troubles_in_a_row_are_both_reported(scene):
    wall = Wall()
    wall.see(scene, 90)
    assert [kind for kind, _ in wall.see(scene // 40, 100)] == ["dark"]
    assert [kind for kind, _ in wall.see(np.full_like(scene, 120), 100)] == ["blurred"]
    assert [kind for kind, _ in wall.see(scene, 100)] == ["clear"]


def test_time_in_which_the_camera_was_lost_counts_little(scene):
    wall = Wall()
    wall.see(scene, 90)
    assert wall.see(scene // 40, 5) == []
    wall.at += 3600
    assert wall.see(scene // 40, 20) == []


def test_nothing_is_measured_without_a_delay(scene):
    wall = Wall(delay=0.0)
    assert wall.see(scene, 70) + wall.see(scene * 0, 200) == []


@pytest.mark.parametrize("size", [(1, 1), (1, 2000), (2000, 1), (7, 641)])
def test_pictures_of_any_shape_are_measured(size):
    measured = measure(np.full((*size, 3), 100, np.uint8))
    assert measured.brightness == pytest.approx(100, abs=1)
    assert (measured.sharpness, measured.contrast) == (0, 0)


def test_measuring_takes_far_less_than_a_hundredth_of_the_time(scene, capsys):
    large = cv2.resize(scene, (1920, 1080))
    measure(large)
    begun = time.thread_time()
    for _ in range(20):
        measure(large)
    share = (time.thread_time() - begun) / 20 / EVERY
    with capsys.disabled():
        print(f"\nmeasuring pictures of 1920 x 1080 takes {share:.2%} of one core")
    assert share < 0.005


def test_light_after_a_dim_first_minute_is_not_reported_as_blur(scene):
    wall = Wall()
    soft = cv2.GaussianBlur(scene, (0, 0), 2)
    assert wall.see(soft // 10, 90) == []
    assert wall.see(soft, 150) == []
