"""Streams whose pictures FFmpeg holds back, or that come faster than they can be decoded; real H.264 over HTTP."""

from __future__ import annotations

import time
from itertools import count, pairwise

import cv2
import numpy as np
import pytest
from h264 import H264Camera
from paced import FPS, age_of, served

from edgetl.card import InputSpec
from edgetl.device.camera import capture as capture_module
from edgetl.device.camera import open_camera
from edgetl.device.camera import stream as stream_module
from edgetl.device.camera.stream import Lag
from edgetl.errors import CameraError

SPEC = InputSpec(32, 32)


@pytest.fixture(scope="module")
def h264():
    with served(H264Camera) as address:
        yield address


def test_decoder_holds_no_picture_back(h264, capsys):
    with open_camera(h264, SPEC) as camera:
        assert camera.live
        ours = ages(frame.image for frame in camera)
    plain = cv2.VideoCapture(h264, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 4])  # as it is opened on four cores
    theirs = ages(plain.read()[1] for _ in count())
    plain.release()
    with capsys.disabled():
        print(f"\nage of H.264 pictures, s: {np.median(ours):.3f}; four decoding threads {np.median(theirs):.3f}")
    assert np.median(theirs) - np.median(ours) > 2 / FPS
    assert np.median(ours) < 3.5 / FPS  # a transport stream's picture ends where the next begins


def ages(images, seconds=3.0):
    """How old pictures are when they come, s, without those that came while it was opened."""
    found, end = [], time.monotonic() + seconds
    for image in images:
        found.append(age_of(image))
        if time.monotonic() > end:
            return found[len(found) // 2 :]
    raise AssertionError("the stream has ended")


@pytest.fixture
def laborious(monkeypatch):
    """Makes decoding take 60 ms of a processor a picture, with one thread or with all."""

    def slow_down(*, all_threads):
        real = cv2.VideoCapture

        class Slow:
            def __init__(self, source, backend, parameters):
                self._real = real(source, backend, parameters)
                self._slow = all_threads or cv2.CAP_PROP_N_THREADS in parameters

            def __getattr__(self, name):
                return getattr(self._real, name)

            def grab(self):
                grabbed, until = self._real.grab(), time.thread_time() + 0.06
                while self._slow and time.thread_time() < until:
                    pass
                return grabbed

        monkeypatch.setattr(capture_module.cv2, "VideoCapture", Slow)

    return slow_down


def test_stream_that_one_thread_is_too_slow_for_is_decoded_by_all(h264, laborious, caplog, capsys):
    laborious(all_threads=False)
    told, true, end = [], [], time.monotonic() + 12
    with open_camera(h264, SPEC) as camera:
        for frame in camera:
            told.append(time.monotonic() - frame.captured_at)
            true.append(age_of(frame.image))
            if time.monotonic() > end:
                break
    told, true = np.array(told), np.array(true)
    with capsys.disabled():
        print(f"\nage of pictures that one thread is too slow for, s: at most {max(true):.1f}, then {true[-1]:.2f}")
    assert max(true) > stream_module._TOO_FAR
    assert max(true) < stream_module._TOO_FAR + 1
    assert np.median(true[-FPS:]) < 0.2, "it has caught up"
    assert "one thread decodes it too slowly" in caplog.text
    growing = slice(5, int(np.argmax(true)))
    assert np.ptp(true[growing]) > 1
    assert np.ptp((true - told)[growing]) < 0.2, "the age that is told grows with it"


def test_stream_that_all_threads_are_too_slow_for_is_left(h264, laborious, monkeypatch):
    monkeypatch.setattr(stream_module, "_TOO_FAR", 0.7)
    laborious(all_threads=True)
    old = []
    with open_camera(h264, SPEC) as camera, pytest.raises(CameraError, match=r"faster than this machine .* s behind"):
        old.extend(age_of(frame.image) for frame in camera)
    assert max(old) < 2.5


def seen(offsets, worked, start=1000.0, clock=1.0):
    """What a Lag makes of pictures that come 0.1 s apart, each so much later than the stream's clock shows."""
    lag = Lag()
    for index, offset in enumerate(offsets):
        position = (index / 10) * clock
        lag.see(start + index / 10 + offset, position, worked and worked * index / 10)
    return lag


def test_pictures_that_wait_for_a_busy_reader_are_behind():
    lag = seen(np.linspace(0, 3, 300), worked=0.9)
    assert lag.busy
    assert lag.behind == pytest.approx(3, abs=0.05)


def test_pictures_that_a_reader_waits_for_are_new_whatever_the_clock_says():
    lag = seen(np.zeros(3000), worked=0.2, clock=0.6)
    assert not lag.busy
    assert lag.behind < 0.5  # of the last second


def test_camera_whose_clock_is_slow_is_not_behind():
    hours = np.arange(20 * 36_000) / 36_000
    lag = seen(hours * 3600 * 1e-4, worked=None)
    assert lag.behind < 0.01


def test_clock_that_begins_anew_or_stands_still_tells_nothing():
    lag = Lag()
    for position in (5.0, 5.1, 5.2, 0.0, 0.1):
        assert lag.see(1000 + position % 5, position, None) < 0.01 + 1e-6
    assert [lag.see(2000 + index, 0.1, None) for index in range(3)] == [0, 0, 0]


def test_unsteady_network_shows_as_age_but_never_before_the_capture():
    lag, network = Lag(), np.random.default_rng(0).uniform(0, 0.05, 500)
    captured = []
    for index, late in enumerate(network):
        at = 1000 + index / 30 + late
        captured.append(at - lag.see(at, index / 30, None))
    assert all(after > before for before, after in pairwise(captured))
    assert np.ptp(np.diff(captured)[100:]) < 0.005, "the stream's clock is steadier than the network"
