"""A sink in a thread of its own."""

from __future__ import annotations

import array
import fcntl
import signal
import subprocess
import sys
import termios
import threading
import time

import numpy as np
import pytest
from fakes import observed, solid, write_film
from load import unhindered

from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event
from edgetl.device.sinks import RunEnded, sink_retry
from edgetl.device.sinks import background as background_module
from edgetl.device.sinks.background import Background
from edgetl.device.status import Status
from edgetl.device.stop import Stop
from edgetl.errors import EdgetlError
from edgetl.vision.results import Classification

RESULT = Classification(np.array([0]), np.array([0.5], np.float32), ("red",))


def frame(index):
    return Frame(solid(2), time.monotonic(), index)


class Sink:
    """A sink that records what it takes, waits for `gate`, and raises the error that `fails` returns."""

    def __init__(self, fails=lambda index: None):
        self.seen, self.entered, self.left = [], 0, []
        self.gate = threading.Event()
        self.gate.set()
        self.fails = fails

    def __enter__(self):
        self.entered += 1
        return self

    def write(self, observation):
        frame = observation.frame
        self.gate.wait()
        if error := self.fails(frame.index):
            raise error
        self.seen.append((frame.index, frame.image.size))

    def notify(self, event):
        self.seen.append(event.text)

    def __exit__(self, kind, error, trace):
        self.left.append(error)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(sink_retry, "_PAUSES", (0.01, 0.05))
    monkeypatch.setattr(background_module, "_PATIENCE", 0.3)


def indices(sink):
    return [seen[0] for seen in sink.seen if isinstance(seen, tuple)]


def test_a_slow_sink_gets_every_frame_of_a_file():
    sink, status = Sink(), Status()
    sink.gate.clear()
    threading.Timer(0.2, sink.gate.set).start()
    with Background(sink, "slow", 3, lossless=True, status=status) as background:
        for index in range(20):
            background.write(observed(frame(index), RESULT))
    assert indices(sink) == list(range(20))
    assert status.figures().sink_drops == {}
    assert sink.left == [None]


def test_frames_of_a_live_camera_that_a_slow_sink_misses_are_counted():
    sink, status = Sink(), Status()
    sink.gate.clear()
    with Background(sink, "slow", 3, lossless=False, status=status) as background:
        begun = unhindered()
        for index in range(100):
            background.write(observed(frame(index), RESULT))
        background.notify(Event("recognised", 0.0, "an event"))
        assert unhindered() - begun < 0.1
        sink.gate.set()
    assert len(indices(sink)) + status.figures().sink_drops["slow"] == 100
    assert len(indices(sink)) in (3, 4)
    assert sink.seen[-1] == "an event"


def test_a_sink_without_pictures_holds_none():
    sink = Sink()
    with Background(sink, "lines", lossless=True, status=Status(), pictures=False) as background:
        background.write(observed(frame(0), RESULT))
    assert sink.seen == [(0, 0)]


def test_an_error_over_files_ends_the_run():
    error = EdgetlError("the disk is full")
    sink = Sink(lambda index: error if index == 2 else None)
    with (  # noqa: PT012
        pytest.raises(EdgetlError, match="disk is full"),
        Background(sink, "film", 2, lossless=True, status=Status()) as background,
    ):
        for index in range(1000):
            background.write(observed(frame(index), RESULT))
    assert indices(sink) == [0, 1]
    assert sink.left == [error]


def test_an_error_over_the_last_frame_of_a_file_is_raised_at_the_end():
    sink = Sink(lambda index: EdgetlError("the disk is full"))
    with (
        pytest.raises(EdgetlError, match="disk is full"),
        Background(sink, "film", lossless=True, status=Status()) as b,
    ):
        b.write(observed(frame(0), RESULT))


@pytest.mark.parametrize("lossless", [True, False])
def test_a_reader_that_is_gone_ends_the_run_without_an_error(lossless):
    sink = Sink(lambda index: RunEnded())
    with Background(sink, "pipe", lossless=lossless, status=Status()) as background, pytest.raises(RunEnded):  # noqa: PT012
        while True:
            background.write(observed(frame(0), RESULT))
            time.sleep(0.001)


def test_a_failed_sink_of_a_live_camera_is_entered_again_and_loses_nothing(quick):
    broken = [True]
    sink, status = Sink(lambda index: OSError("no space") if index == 5 and broken[0] else None), Status()
    with Background(sink, "lines", 50, lossless=False, status=status, reopens=True) as background:
        for index in range(10):
            background.write(observed(frame(index), RESULT))
        time.sleep(0.2)
        (failed,) = status.take_events()
        broken[0] = False
        time.sleep(0.2)
        (back,) = status.take_events()
    assert indices(sink) == list(range(10))
    assert sink.entered > 2
    assert (failed.kind, failed.facts) == ("sink_failed", {"sink": "lines", "reason": "no space"})
    assert back.kind == "sink_back"
    assert back.facts["seconds"] == pytest.approx(0.2, abs=0.1)


def test_a_failed_sink_that_cant_be_entered_again_is_reported_once(quick):
    sink, status = Sink(lambda index: EdgetlError("the film is over") if index == 2 else None), Status()
    with Background(sink, "film", 50, lossless=False, status=status) as background:
        for index in range(10):
            background.write(observed(frame(index), RESULT))
    (failed,) = status.take_events()
    assert failed.text == "film fails: the film is over; it has ended"
    assert indices(sink) == [0, 1]
    assert (sink.entered, len(sink.left)) == (1, 1)


def test_a_sink_that_fails_until_the_end_does_not_delay_the_end(quick):
    sink = Sink(lambda index: OSError("gone"))
    begun = unhindered()
    with Background(sink, "lines", 50, lossless=False, status=Status(), reopens=True) as background:
        for index in range(50):
            background.write(observed(frame(index), RESULT))
    assert unhindered() - begun < 1


def test_a_sink_that_hangs_is_abandoned_with_an_error(quick):
    sink = Sink()
    sink.gate.clear()
    with (
        pytest.raises(EdgetlError, match="film no longer answers"),
        Background(sink, "film", lossless=False, status=Status()) as background,
    ):
        background.write(observed(frame(0), RESULT))
    sink.gate.set()


def test_stop_ends_the_wait_for_a_stuck_sink_over_files(quick):
    sink, stop = Sink(), Stop()
    sink.gate.clear()
    threading.Timer(0.2, stop.set).start()
    watchdog = threading.Timer(5, sink.gate.set)
    watchdog.start()
    with (  # noqa: PT012
        pytest.raises(EdgetlError, match="lines no longer answers"),
        Background(sink, "lines", 3, lossless=True, status=Status(), stop=stop) as background,
        pytest.raises(RunEnded),
    ):
        for index in range(20):
            background.write(observed(frame(index), RESULT))
    watchdog.cancel()
    sink.gate.set()


def test_sigterm_ends_a_run_whose_reader_is_stuck(bundle, tmp_path):
    film = write_film(tmp_path / "long.mp4", 3000)
    script = (
        "from edgetl.device.sinks import background; background._PATIENCE = 0.5; from edgetl.cli import main; main()"
    )
    command = [sys.executable, "-c", script, "run", str(bundle), "--source", str(film), "--jsonl", "-", "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    unread, deadline = array.array("i", [0]), time.monotonic() + 40
    while unread[0] < 60_000 and time.monotonic() < deadline:  # of the 64 KiB that a pipe holds
        fcntl.ioctl(process.stdout, termios.FIONREAD, unread)
        time.sleep(0.05)
    time.sleep(1.5)  # so that the queue behind it is full
    process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(10) == 1
    finally:
        process.kill()
        err = process.communicate()[1].decode()
    assert "edgetl: jsonl no longer answers" in err
    assert "Traceback" not in err


def test_a_sink_that_was_idle_for_long_still_gets_its_last_frame(quick):
    sink = Sink()
    with Background(sink, "lines", lossless=False, status=Status()) as background:
        time.sleep(0.4)
        background.write(observed(frame(0), RESULT))
    assert indices(sink) == [0]
    assert sink.left == [None]
