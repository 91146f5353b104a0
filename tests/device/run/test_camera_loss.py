"""Every way to lose a camera is noticed, and the camera comes back; `pytest -s` prints a table."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from cameras import MjpegCamera, RtspCamera
from fakes import FakeCamera, solid

from edgetl.card import InputSpec
from edgetl.device.camera import open_camera
from edgetl.device.camera.frame import Frame
from edgetl.device.camera.protocol import CameraRequest
from edgetl.device.events import Event
from edgetl.device.run import loop
from edgetl.device.run.camera_loss import CameraTimeouts, FrozenPictureCheck
from edgetl.device.run.live_source import wait_for_camera
from edgetl.device.sinks.background import Background
from edgetl.device.sinks.jsonl import JsonLines
from edgetl.device.status import Status
from edgetl.device.stop import Stop, Stopped
from edgetl.errors import CameraError

QUICK = CameraTimeouts(stall=1.0, frozen=1.0, give_up=30.0)
BOTH = pytest.mark.parametrize("kind", [MjpegCamera, RtspCamera])


@pytest.fixture(scope="module")
def table():
    rows = []
    yield rows
    print(f"\n\n{'fault':<44}{'noticed after s':>16}{'back after s':>14}{'results lost':>14}")
    for fault, noticed, back, lost in rows:
        print(f"{fault:<44}{noticed:>16}{back:>14}{lost:>14}")


class Run:
    """A live run in a thread of its own, with JSON Lines, that is watched from outside."""

    def __init__(self, model, reopen, tmp_path, timeouts=QUICK, **options):
        self.events, self.frames = [], []
        self.status, self.stop = Status(), Stop()
        self.path = tmp_path / "results.jsonl"
        self._thread = threading.Thread(target=self._run, args=(model, reopen, timeouts, options))
        self.error = self.summary = None

    def _run(self, model, reopen, timeouts, options):
        sink = Background(
            JsonLines(str(self.path)), "jsonl", 256, lossless=False, status=self.status, pictures=False, reopens=True
        )
        options |= {"status": self.status, "stop": self.stop, "timeouts": timeouts, "reopen": reopen}
        try:
            with sink, reopen() as camera:
                self.summary = loop.run(model, camera, [sink, self], on_observation=self.note, **options)
        except CameraError as error:
            self.error = error

    def note(self, observation):
        frame = observation.frame
        self.frames.append((time.monotonic(), frame.index, frame.size_wh or frame.image.shape[1::-1]))

    def write(self, observation):
        pass

    def notify(self, event):
        self.events.append(event)

    def wait(self, condition, seconds=20.0):
        """Waits until a condition holds; returns when it did."""
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, (self.error, self.events, len(self.frames))
            assert self.error is None, self.error
            time.sleep(0.01)
        return time.monotonic()

    def wait_for_frames(self, count=10):
        goal = len(self.frames) + count
        return self.wait(lambda: len(self.frames) >= goal)

    def wait_for(self, kind):
        return self.wait(lambda: kind in [event.kind for event in self.events])

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()

    @property
    def lines(self):
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def check_lines(self):
        """Nothing is lost from JSON Lines: every result, every event, and in their order."""
        results = [line["index"] for line in self.lines if "event" not in line]
        assert results == [index for _, index, _ in self.frames]
        assert results == sorted(set(results))
        assert [line["event"] for line in self.lines if "event" in line] == [event.kind for event in self.events]
        return 0


def opener(server, timeout=5.0):
    return lambda: open_camera(server.address, InputSpec(48, 48), CameraRequest(timeout=timeout))


@BOTH
def test_camera_that_loses_its_power_comes_back(model, tmp_path, table, kind):
    with kind() as server, Run(model, opener(server), tmp_path) as run:
        run.wait_for_frames()
        server.kill()
        killed = time.monotonic()
        noticed = run.wait_for("camera_lost") - killed
        assert not run.status.figures().connected
        time.sleep(2)
        server.start()
        restarted = time.monotonic()
        back = run.wait_for("camera_back") - restarted
        run.wait_for_frames()
        figures = run.status.figures()
    assert noticed < QUICK.stall + 1
    assert back < 3.5, "the pauses double: at most as long again as it was gone, and its opening"
    assert [event.kind for event in run.events] == ["camera_lost", "camera_back"], [
        (e.kind, dict(e.facts)) for e in run.events
    ]
    assert run.events[0].facts["reason"] in ("error", "stall")
    assert run.events[1].facts["seconds"] == pytest.approx(2 + back, abs=1.2)
    assert (figures.connected, figures.reconnects) == (True, 1)
    table.append((f"{kind.scheme} server killed, restarted", f"{noticed:.2f}", f"{back:.2f}", run.check_lines()))


@BOTH
def test_a_camera_that_stalls_is_opened_again(model, tmp_path, table, kind):
    with kind() as server, Run(model, opener(server), tmp_path) as run:
        run.wait_for_frames()
        server.mode = "stall"
        noticed = run.wait_for("camera_lost") - run.frames[-1][0]
        time.sleep(1)
        server.mode = "run"
        flowing = time.monotonic()
        back = run.wait_for("camera_back") - flowing
        run.wait_for_frames()
    assert run.events[0].facts["reason"] == "stall"
    assert QUICK.stall <= noticed < QUICK.stall + 1
    assert back < 2
    table.append((f"{kind.scheme} socket stalls", f"{noticed:.2f}", f"{back:.2f}", run.check_lines()))


def test_an_incomplete_jpeg_is_skipped_and_counted(model, tmp_path, table):
    with MjpegCamera() as server, Run(model, opener(server), tmp_path) as run:
        run.wait_for_frames()
        server.mode = "half"
        run.wait_for_frames(20)
        figures = run.status.figures()
    assert not run.events
    assert figures.broken >= 8
    table.append(("http every third JPEG is half", "at once", "0", run.check_lines()))


@BOTH
def test_a_run_goes_on_when_the_resolution_changes(model, tmp_path, table, kind):
    with kind() as server, Run(model, opener(server), tmp_path) as run:
        run.wait_for_frames()
        server.resize((320, 240))
        changed = time.monotonic()
        smaller = run.wait(lambda: run.frames[-1][2] == (320, 240)) - changed
        server.resize((1280, 720))
        run.wait(lambda: run.frames[-1][2] == (1280, 720))
        run.wait_for_frames()
    assert not run.events
    table.append((f"{kind.scheme} resolution changes", "at once", f"{smaller:.2f}", run.check_lines()))


def test_a_frozen_picture_is_reported_as_a_loss(model, tmp_path, table):
    with MjpegCamera() as server, Run(model, opener(server), tmp_path) as run:
        run.wait_for_frames()
        server.mode = "freeze"
        frozen = time.monotonic()
        noticed = run.wait_for("camera_lost") - frozen
        server.mode = "run"  # as opening it anew cures it
        back = run.wait_for("camera_back") - run.events[0].at
        run.wait_for_frames()
    assert run.events[0].facts["reason"] == "frozen"
    assert QUICK.frozen - 0.1 < noticed < QUICK.frozen + 1
    assert back < 1.5
    table.append(("http picture frozen", f"{noticed:.2f}", f"{back:.2f}", run.check_lines()))


def test_a_scene_without_change_gets_ever_longer_time(model, tmp_path):
    timeouts = CameraTimeouts(frozen=0.2, first_pause=0.05)

    def still():
        return FakeCamera([solid(0)] * 1000, live=True, pause=0.01)

    with Run(model, still, tmp_path, timeouts) as run:
        time.sleep(2.5)
    lost = [event.at for event in run.events if event.kind == "camera_lost"]
    assert 2 <= len(lost) <= 4, "after 0.2, 0.4, 0.8 and 1.6 s"
    assert lost[1] - lost[0] > 0.4


class Hanging(FakeCamera):
    """A camera whose driver never answers again after a few frames."""

    def __init__(self, frames=5):
        super().__init__([], live=True)
        self.frames = frames
        self.released = threading.Event()

    def __iter__(self):
        for index in range(self.frames):
            time.sleep(0.02)
            yield Frame(solid(index % 3), time.monotonic(), index)
        self.released.wait()


def test_a_read_that_never_returns_is_left_behind(model, tmp_path, table):
    hanging = Hanging()
    cameras = [hanging]

    def opened():
        return cameras.pop() if cameras else FakeCamera([solid(n % 3) for n in range(10_000)], live=True, pause=0.02)

    with Run(model, opened, tmp_path) as run:
        run.wait_for("camera_back")
        run.wait_for_frames()
    assert run.events[0].facts["reason"] == "stall"
    seconds = run.events[1].facts["seconds"]
    assert seconds < QUICK.stall + QUICK.first_pause + 1
    assert len([thread for thread in threading.enumerate() if thread.name == "grabber"]) == 1, "the one that hangs"
    hanging.released.set()
    table.append(("a read never returns", f"{QUICK.stall:.2f}", f"{seconds - QUICK.stall:.2f}", run.check_lines()))
    assert [index for _, index, _ in run.frames] == sorted(index for _, index, _ in run.frames)


def test_a_camera_that_always_hangs_takes_three_threads_at_most(model, tmp_path):
    made = []

    def opened():
        made.append(Hanging(1))
        return made[-1]

    timeouts = CameraTimeouts(stall=0.1, give_up=2.5, first_pause=0.05, longest_pause=0.1)
    with Run(model, opened, tmp_path, timeouts):
        time.sleep(2)
    assert len(made) <= 4
    for hanging in made:
        hanging.released.set()


def test_camera_that_stays_away_is_given_up(model, tmp_path):
    timeouts = CameraTimeouts(stall=0.5, give_up=1.5)
    with MjpegCamera() as server, Run(model, opener(server), tmp_path, timeouts) as run:
        run.wait_for_frames()
        server.kill()
        killed = time.monotonic()
        while run.error is None and time.monotonic() < killed + 10:
            time.sleep(0.01)
    assert 1.4 < time.monotonic() - killed < 3.5
    assert run.error.exit_code == 6
    assert "hasn't come back" in str(run.error)


def test_a_full_disk_under_json_lines_does_not_delay_the_run(model, tmp_path, table, full_disk):
    disk = full_disk(64)
    with MjpegCamera(fps=100) as server, Run(model, opener(server), disk) as run:
        run.wait_for_frames()
        filler = disk / "filler"
        with filler.open("ab", buffering=0) as file, pytest.raises(OSError, match="No space"):  # noqa: PT012
            while True:
                file.write(bytes(512))
        noticed = run.wait_for("sink_failed")
        before = len(run.frames)
        time.sleep(0.5)
        assert len(run.frames) - before > 30, "inference goes on"
        filler.unlink()
        freed = time.monotonic()
        back = run.wait_for("sink_back") - freed
        run.wait_for_frames()
    assert noticed
    assert back < 2.5
    assert not run.status.figures().sink_drops
    results = [line["index"] for line in run.lines if "event" not in line]
    assert results == [index for _, index, _ in run.frames]
    table.append(("the disk of the JSON Lines is full", "at once", f"{back:.2f}", 0))


def test_ten_losses_leave_no_thread_and_no_descriptor(model, tmp_path):
    def descriptors():
        return len([*Path("/proc/self/fd").iterdir()])

    with MjpegCamera() as server, Run(model, opener(server), tmp_path, CameraTimeouts(first_pause=0.05)) as run:
        run.wait_for_frames()
        threads, open_files = threading.active_count(), descriptors()
        for times in range(1, 11):
            server.kill()
            server.start()
            run.wait(lambda times=times: run.status.figures().reconnects == times)
        run.wait_for_frames()
        assert threading.active_count() <= threads + 1
        assert descriptors() <= open_files + 2
    run.check_lines()


@pytest.mark.parametrize("mode", ["cut", "garbage"])
def test_pictures_that_cannot_be_decoded_are_reported_as_a_loss(model, tmp_path, table, mode):
    with MjpegCamera() as server, Run(model, opener(server), tmp_path) as run:
        run.wait_for_frames()
        server.mode = mode
        noticed = run.wait_for("camera_lost") - run.frames[-1][0]
        time.sleep(QUICK.stall)  # it is opened again, and its pictures are as bad as before
        figures = run.status.figures()
        server.mode = "run"
        mended = time.monotonic()
        back = run.wait_for("camera_back") - mended
        run.wait_for_frames()
    assert [event.kind for event in run.events] == ["camera_lost", "camera_back"]
    assert run.events[0].facts["reason"] == "undecodable"
    assert QUICK.stall <= noticed < QUICK.stall + 1
    assert not figures.connected
    assert figures.seconds_since_frame > QUICK.stall, "which is what /healthz looks at"
    table.append((f"http pictures that are {mode}", f"{noticed:.2f}", f"{back:.2f}", run.check_lines()))


def test_camera_whose_pictures_were_never_decodable_is_given_up(model, tmp_path):
    with MjpegCamera() as server:
        camera = open_camera(server.address, InputSpec(48, 48))
        server.mode = "garbage"
        sent = []
        with pytest.raises(CameraError, match="decoded"):
            loop.run(model, camera, on_observation=lambda _: sent.append(1), timeouts=QUICK)
    assert len(sent) < 10, "those that were on their way"


@pytest.mark.slow
def test_camera_that_sends_nothing_but_empty_pictures_is_given_up(model):
    with MjpegCamera() as server:
        server.mode = "empty"
        sent = []
        with pytest.raises(CameraError):
            loop.run(model, opener(server)(), on_observation=lambda _: sent.append(1), timeouts=QUICK)
    assert not sent


@pytest.mark.slow
def test_at_a_low_rate_undecodable_pictures_are_noticed_and_incomplete_ones_are_no_loss(model, tmp_path):
    with MjpegCamera() as server, Run(model, opener(server), tmp_path, rate=0.5) as run:
        run.wait_for_frames(1)
        server.mode = "half"
        run.wait_for_frames(2)
        assert not run.events
        server.mode = "garbage"
        run.wait_for("camera_lost")
    assert run.events[0].facts["reason"] == "undecodable"


def test_an_event_of_a_sink_is_reported_while_the_camera_is_lost(model, tmp_path):
    with MjpegCamera() as server, Run(model, opener(server), tmp_path, CameraTimeouts(first_pause=60)) as run:
        run.wait_for_frames()
        server.kill()
        run.wait_for("camera_lost")
        run.status.post(Event("sink_failed", time.monotonic(), "the disk is full"))
        run.wait_for("sink_failed")
    assert [event.kind for event in run.events] == ["camera_lost", "sink_failed"]


@pytest.mark.slow
def test_a_lost_camera_does_not_delay_the_end_of_a_run(model, tmp_path):
    with MjpegCamera() as server, Run(model, opener(server, timeout=60), tmp_path) as run:
        run.wait_for_frames()
        server.mode = "stall"
        run.wait_for("camera_lost")
        time.sleep(0.8)
        stopped_at = time.monotonic()
        run.stop.set()
        run._thread.join(15)
        assert time.monotonic() - stopped_at < 8
    assert run.error is None


def test_a_run_waits_for_a_camera_that_is_not_there_yet(caplog):
    server = MjpegCamera()
    server.kill()
    threading.Timer(1.0, server.start).start()
    found = wait_for_camera(opener(server), CameraTimeouts(), Stop())
    assert found is not None
    with server, found as camera:
        assert next(iter(camera)).image.size
    assert "waiting for it" in caplog.text


def test_waiting_for_a_camera_ends_with_the_timeout_or_a_signal():
    server = MjpegCamera()
    server.kill()
    with pytest.raises(CameraError, match="no pictures"):
        wait_for_camera(opener(server), CameraTimeouts(give_up=0.3, first_pause=0.1), Stop())
    stop = Stop()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(Stopped):
        wait_for_camera(opener(server), CameraTimeouts(), stop)


def test_pauses_between_attempts_double_up_to_the_longest():
    timeouts = CameraTimeouts()
    assert [timeouts.pause(tries) for tries in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert timeouts.pause(10_000) == 30


def test_one_changed_pixel_is_enough_for_a_picture_not_to_be_frozen():
    check = FrozenPictureCheck(1.0)
    for second in range(5):
        image = solid(0)
        image[3, 5, 1] = second % 2
        check.add(Frame(image, float(second), second))
    assert not check.is_frozen()
    for second in range(5, 8):
        check.add(Frame(image, float(second), second))
    assert check.is_frozen()


def test_time_without_a_camera_does_not_count_as_frozen():
    check = FrozenPictureCheck(1.0)
    check.add(Frame(solid(0), 0.0, 0))
    check.restart()
    for second in (100.0, 100.9):
        check.add(Frame(solid(0), second, 1))
        assert not check.is_frozen()
    check.add(Frame(solid(0), 101.1, 2))
    assert check.is_frozen()


def test_the_rate_limits_the_number_of_results(model):
    times = []
    camera = FakeCamera([solid(n % 3) for n in range(100)], live=True, pause=0.01)
    begun = time.monotonic()
    summary = loop.run(model, camera, on_observation=lambda _: times.append(time.monotonic()), rate=10)
    assert 2 <= summary.frames <= 10 * (time.monotonic() - begun) + 2
    # A machine that is busy with other work delays some results, but not the middle one.
    assert np.median(np.diff(times)) == pytest.approx(0.1, abs=0.02)
    assert summary.stages["age"].p95 < 60, "the newest frame, not the first of the period"
    assert summary.dropped <= 3, "frames that the rate leaves out are not dropped frames"
