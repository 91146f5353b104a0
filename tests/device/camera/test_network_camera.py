"""Network streams in real H.264 over HTTP: no picture is held back, and a decoder that is too slow is noticed."""

from __future__ import annotations

import time
from contextlib import closing
from itertools import count, pairwise

import cv2
import numpy as np
import pytest
from h264 import H264Camera
from paced import FPS, age_of, served

from edgetl.card import InputSpec
from edgetl.device.camera import CameraOpener, frame_age, open_camera
from edgetl.device.camera import opencv_capture as capture_module
from edgetl.device.camera.frame_age import StreamLag
from edgetl.device.events import Event
from edgetl.device.run.camera_loss import CameraTimeouts
from edgetl.device.run.live_source import LiveSource
from edgetl.device.status import Status
from edgetl.device.stop import Stop

SPEC = InputSpec(32, 32)


@pytest.fixture(scope="module")
def h264():
    with served(H264Camera) as address:
        yield address


@pytest.mark.slow
def test_one_decoder_thread_holds_no_picture_back(h264, capsys):
    with open_camera(h264, SPEC) as camera:
        assert camera.live
        ours = ages(frame.image for frame in camera)
    plain = cv2.VideoCapture(h264, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 4])  # as it is opened on four cores
    theirs = ages(plain.read()[1] for _ in count())
    plain.release()
    with capsys.disabled():
        print(f"\nage of H.264 pictures, s: {np.median(ours):.3f}; four decoding threads {np.median(theirs):.3f}")
    assert np.median(theirs) - np.median(ours) > 2.5 / FPS  # three, of four threads
    assert np.median(ours) < 3.5 / FPS  # a transport stream's picture ends where the next begins


def ages(images, seconds=3.0):
    """Returns the age of pictures when they arrive, s, without those that arrived during the opening."""
    found, end = [], time.monotonic() + seconds
    for image in images:
        found.append(age_of(image))
        if time.monotonic() > end:
            return found[len(found) // 2 :]
    raise AssertionError("the stream has ended")


@pytest.fixture
def laborious(monkeypatch):
    """Makes decoding take 60 ms of processor time a picture, with one thread or with all."""

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


def seen_live(address, seconds):
    """Reads a stream as a run does; returns the reported ages, the true ages, s, and the events."""

    open_it = CameraOpener(address, SPEC)
    reported, true, events, stop, began = [], [], [], Stop(), time.monotonic()
    with closing(LiveSource(open_it(), stop, Status(), reopen=open_it, timeouts=CameraTimeouts(frozen=0))) as source:
        for item in source:
            if isinstance(item, Event):
                events.append(item)
                continue
            now = time.monotonic()
            reported.append(now - item.captured_at)
            true.append(age_of(item.image))
            if now - began > seconds:
                break
    return np.array(reported), np.array(true), events


@pytest.mark.slow
def test_a_stream_that_is_too_fast_for_one_thread_is_decoded_by_all_after_reopening(h264, laborious, capsys):
    laborious(all_threads=False)
    reported, true, events = seen_live(h264, 15)
    with capsys.disabled():
        print(f"\nage of pictures that one thread is too slow for, s: at most {max(true):.1f}, then {true[-1]:.2f}")
    assert frame_age.TOO_FAR < max(true) < frame_age.TOO_FAR + 3
    assert np.median(true[-FPS:]) < 0.2, "it has caught up"
    assert [event.kind for event in events] == ["camera_lost", "camera_back"]
    assert "one thread decodes it" in events[0].text
    growing = slice(5, int(np.argmax(true)))
    assert np.ptp(true[growing]) > 1
    assert np.ptp((true - reported)[growing]) < 0.3, "the reported age grows with it"


@pytest.mark.slow
def test_a_stream_that_is_too_fast_for_all_threads_is_reported_as_lost_each_time(h264, laborious, monkeypatch):
    monkeypatch.setattr(frame_age, "TOO_FAR", 0.5)
    laborious(all_threads=True)
    _, true, events = seen_live(h264, 15)
    assert max(true) < 4
    assert "than one thread decodes it" in events[0].text
    assert "than this machine decodes it" in events[2].text


@pytest.mark.slow
def test_the_age_of_pictures_is_right_if_the_program_is_slow(h264):
    reported, true, end = [], [], time.monotonic() + 6
    with open_camera(h264, SPEC) as camera:
        for frame in camera:
            reported.append(time.monotonic() - frame.captured_at)
            true.append(age_of(frame.image))
            time.sleep(0.1)
            if time.monotonic() > end:
                break
    assert true[-1] - true[0] > 1
    assert np.ptp(np.array(true) - np.array(reported)) < 0.5


class Reader:
    """Reads a stream at 0.1 s a picture, of which it waits the share `idle`; None stands for unknown."""

    def __init__(self, idle=None):
        self.at = 1000.0
        self.waited = None if idle is None else 0.1 * idle
        self.lag = StreamLag()

    def read(self, offsets, position):
        """Reads pictures, each later than the stream's clock shows by so much; yields how far it is behind, s."""
        for offset in offsets:
            begun = self.at
            self.at = begun + 0.1
            yield self.lag.see(self.at + offset, position(begun), self.waited)


def running(at):
    return at - 900.0


def test_pictures_that_wait_for_a_busy_reader_are_behind():
    reader = Reader(idle=0.05)
    behind = list(reader.read(np.linspace(0, 5, 300), running))
    assert behind[-1] == pytest.approx(5, abs=0.05)
    assert reader.lag.too_far


def test_pictures_that_a_reader_waits_for_are_new_even_if_the_streams_clock_is_wrong():
    reader = Reader(idle=0.7)
    assert max(reader.read(np.zeros(3000), lambda at: 0.6 * at)) < 0.5, "of the last second"
    assert not reader.lag.too_far


@pytest.mark.parametrize("idle", [None, 0.05])
def test_camera_whose_clock_is_slow_is_not_behind(idle):
    hours = np.arange(20 * 36_000) / 36_000
    assert max(Reader(idle).read(hours * 3600 * 1e-4, running)) < 0.01


@pytest.mark.parametrize("idle", [None, 0.05])
def test_a_pause_of_the_network_is_no_lag_of_the_decoder(idle):
    reader = Reader(idle)
    list(reader.read(np.zeros(50), running))
    reader.at += 3  # and the stream's clock goes on as if nothing had been
    assert max(reader.read(np.zeros(50), lambda at: running(at) - 3)) < 0.01
    assert not reader.lag.too_far


@pytest.mark.parametrize(("idle", "too_far"), [(0.05, True), (0.7, False), (None, False)])
def test_a_stream_without_a_clock_is_too_fast_if_its_reader_never_waits(idle, too_far):
    reader = Reader(idle)
    assert not any(reader.read(np.zeros(50), lambda _: 0.0))
    assert reader.lag.too_far == too_far


def test_a_clock_that_starts_again_is_no_lag():
    reader = Reader()
    list(reader.read(np.zeros(50), running))
    assert max(reader.read(np.zeros(50), lambda at: at - 1005)) < 0.01


def test_an_unsteady_network_counts_as_age_and_capture_times_stay_in_order():
    lag, network = StreamLag(), np.random.default_rng(0).uniform(0, 0.05, 500)
    captured = []
    for index, late in enumerate(network):
        at = 1000 + index / 30 + late
        captured.append(at - lag.see(at, index / 30, None))
    assert all(after > before for before, after in pairwise(captured))
    assert np.ptp(np.diff(captured)[100:]) < 0.005, "the stream's clock is steadier than the network"
