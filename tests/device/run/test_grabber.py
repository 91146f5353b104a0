"""Only the pictures that a run may need are retrieved from a camera."""

from __future__ import annotations

import time
from contextlib import closing

import numpy as np
import pytest
from paced import SleepyRuntime

from edgetl.card import InputSpec, ModelCard
from edgetl.device.camera.frame import Frame
from edgetl.device.camera.opencv_capture import Capture
from edgetl.device.camera.shot import Grabbed
from edgetl.device.closing import Closing
from edgetl.device.inference.model import Model
from edgetl.device.run import loop
from edgetl.device.run.camera_loss import CameraTimeouts, FrozenPictureCheck
from edgetl.device.run.grabber import Grabber
from edgetl.device.run.live_source import LiveSource
from edgetl.device.run.slot import Slot
from edgetl.device.status import Status
from edgetl.device.stop import Stop


class Holding(Closing):
    """A live camera that holds each picture until its next, and counts those that are taken out."""

    live, fps, size = True, None, (32, 32)

    def __init__(self, fps, seconds):
        self.pace = fps
        self.count = int(fps * seconds)
        self.taken = 0

    def shots(self):
        begun = time.monotonic()
        for index in range(self.count):
            time.sleep(max(0.0, begun + index / self.pace - time.monotonic()))
            yield Grabbed(self.retrieve, time.monotonic(), index)

    def retrieve(self):
        self.taken += 1
        return np.full((32, 32, 3), self.taken % 256, np.uint8)

    def close(self):
        pass


@pytest.fixture
def quick():
    with Model(SleepyRuntime(0.001), ModelCard("quick", "classification", ("a", "b"), InputSpec(32, 32))) as model:
        yield model


def test_only_pictures_that_the_model_may_need_are_retrieved(quick):
    camera, ages = Holding(fps=100, seconds=3), []
    summary = loop.run(quick, camera, rate=10, on_observation=lambda seen: ages.append(seen.age_ms))
    assert 25 <= summary.frames <= 31
    assert summary.frames <= camera.taken <= 2.5 * summary.frames
    assert np.median(ages) < 15, "the last picture before one is due, ms"


def test_pictures_are_retrieved_if_the_rate_is_the_cameras_own(quick):
    camera = Holding(fps=10, seconds=3)
    summary = loop.run(quick, camera, rate=10)
    assert camera.taken >= 0.8 * camera.count
    assert summary.frames >= 0.8 * camera.count


def test_every_picture_is_retrieved_without_a_rate(quick):
    camera = Holding(fps=100, seconds=1)
    loop.run(quick, camera)
    assert camera.taken == camera.count


def test_a_frozen_picture_is_noticed_long_before_a_frame_is_due(quick):
    camera = Holding(fps=30, seconds=4)
    camera.retrieve = lambda: np.zeros((32, 32, 3), np.uint8)
    source = LiveSource(camera, Stop(), Status(), reopen=lambda: camera, timeouts=CameraTimeouts(frozen=1.0), rate=0.01)
    with closing(source):
        began, items = time.monotonic(), iter(source)
        assert isinstance(next(items), Frame)
        lost = next(items)
    assert lost.facts["reason"] == "frozen"
    assert time.monotonic() - began < 3


def test_a_picture_that_cant_be_retrieved_ends_the_reading(monkeypatch):
    class Broken:
        def __getattr__(self, name):
            return lambda *_: 0

        def grab(self):
            return True

        def retrieve(self):
            return False, None

    grabber = Grabber(Slot(Status(), FrozenPictureCheck(0)), lambda: Capture(Broken(), "0", live=True))
    grabber.join(5)
    assert grabber.ended
    assert grabber.frame_at is None
    assert "not one frame" in str(grabber.error)
