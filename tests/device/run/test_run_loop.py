from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
from cameras import MjpegCamera
from fakes import FakeCamera, solid, write_film

from edgetl.device.camera import open_camera
from edgetl.device.events import Event
from edgetl.device.run import loop
from edgetl.device.sinks import RunEnded
from edgetl.device.stages import Recorder
from edgetl.device.status import Status
from edgetl.device.stop import Stop, stop_on_signals
from edgetl.errors import CameraError
from edgetl.vision.filter import ResultFilter

RUN = [sys.executable, "-c", "import sys; from edgetl.cli.run import run; run.main(sys.argv[1:])"]
MAIN = [sys.executable, "-c", "from edgetl.cli import main; main()"]


def wait_until(condition, seconds=60.0, tell=str):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, tell()
        time.sleep(0.02)


class Collect:
    """A sink that remembers, takes `pause` seconds a frame, and leaves after `limit` frames."""

    def __init__(self, pause=0.0, limit=None):
        self.seen = []
        self.pause = pause
        self.limit = limit

    def write(self, observation):
        time.sleep(self.pause)
        self.seen.append((observation.frame.index, observation.result.labels[0]))
        if len(self.seen) == self.limit:
            raise RunEnded


def test_every_frame_of_a_film_is_processed(model, film):
    sink, called = Collect(pause=0.001), []
    with open_camera(str(film)) as camera:
        summary = loop.run(model, camera, [sink], on_observation=lambda seen: called.append(seen.frame.index))
    assert [index for index, _ in sink.seen] == called == list(range(30))
    assert [label for _, label in sink.seen[::10]] == ["red", "green", "blue"]
    assert (summary.frames, summary.dropped) == (30, 0)
    assert set(summary.stages) == set(loop.STAGES)
    total, age = summary.stages["total"], summary.stages["age"]
    assert 0 < total.p50 <= total.p95
    assert total.p50 <= age.p50


def test_the_rate_counts_the_intervals_between_results(model):
    camera = FakeCamera([solid(0)] * 3, pause=0.1)
    summary = loop.run(model, camera)
    assert summary.fps == pytest.approx(10, rel=0.15)
    assert summary.seconds == pytest.approx(0.3, rel=0.3)
    assert loop.run(model, FakeCamera([solid(0)])).fps == 0.0


def test_summary_is_a_table(model):
    text = str(loop.run(model, FakeCamera([solid(0)] * 3)))
    assert text.startswith("3 frames in ")
    lines = text.splitlines()
    assert len(lines) == 7
    assert len({len(line) for line in lines[1:]}) == 1
    assert str(loop.run(model, FakeCamera([]))).startswith("0 frames")


def test_summary_of_a_single_frame_names_no_rate(model):
    first = str(loop.run(model, FakeCamera([solid(0)]))).splitlines()[0]
    assert first.startswith("1 frame in ")
    assert "a second" not in first


def test_max_frames_ends_the_run(model, film):
    with open_camera(str(film)) as camera:
        assert loop.run(model, camera, max_frames=7).frames == 7


def test_the_filter_of_the_model_applies(model):
    seen = []
    model.only = ResultFilter(threshold=0.0, top_k=3)
    loop.run(model, FakeCamera([solid(0)]), on_observation=lambda observation: seen.append(observation.result))
    assert seen[0].labels[0] == "blue"
    assert len(seen[0]) == 3


def test_a_slow_run_gets_the_newest_frame_of_a_live_camera(model):
    sink = Collect(pause=0.05)
    camera = FakeCamera([solid(0)] * 100, live=True, pause=0.005)
    summary = loop.run(model, camera, [sink])
    indices = [index for index, _ in sink.seen]
    assert indices == sorted(set(indices))
    assert indices[-1] == 99
    assert summary.dropped == 100 - summary.frames
    assert summary.frames < 30
    assert summary.stages["age"].p95 < 45, "no frame waits longer than the camera takes for the next"
    assert "dropped" in str(summary)


def test_live_run_leaves_no_thread_behind(model):
    camera = FakeCamera([solid(0)] * 1000, live=True, pause=0.002)
    loop.run(model, camera, max_frames=3)
    assert not [thread for thread in threading.enumerate() if thread.name == "grabber"]


def test_error_of_the_camera_is_raised_after_its_last_frame(model):
    sink = Collect()
    camera = FakeCamera([solid(0)] * 3, live=True, pause=0.03, error=CameraError("lost"))
    with pytest.raises(CameraError, match="lost"):
        loop.run(model, camera, [sink])
    assert [index for index, _ in sink.seen] == [0, 1, 2]


def test_a_sink_whose_reader_has_left_ends_the_run(model, film):
    with open_camera(str(film)) as camera:
        assert loop.run(model, camera, [Collect(limit=4)]).frames == 4


@pytest.mark.parametrize("is_live", [True, False])
def test_a_stop_set_before_the_start_ends_the_run(model, is_live):
    stop = Stop()
    stop.set()
    camera = FakeCamera([solid(0)] * 50, live=is_live, pause=0.02)
    assert loop.run(model, camera, stop=stop).frames <= 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_a_run_of_the_library(model, number):
    before = signal.getsignal(number)
    camera = FakeCamera([solid(0)] * 1000, live=True, pause=0.01)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), number))
    timer.start()
    summary = loop.run(model, camera)
    assert 0 < summary.frames < 500
    assert signal.getsignal(number) is before


def test_a_run_outside_the_main_thread_handles_no_signals(model):
    summaries = []
    thread = threading.Thread(target=lambda: summaries.append(loop.run(model, FakeCamera([solid(0)] * 3))))
    thread.start()
    thread.join()
    assert summaries[0].frames == 3


def test_old_handlers_come_back_after_an_error():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyError), stop_on_signals():
        raise KeyError
    assert signal.getsignal(signal.SIGTERM) is before


def test_recorder_is_bounded_and_keeps_the_last():
    recorder = Recorder(("a", "b"), capacity=100)
    assert recorder.percentiles() == {}
    for value in range(1000):
        recorder.add(value, -value)
    assert recorder.count == 1000
    assert recorder.rows.shape == (100, 2)
    stages = recorder.percentiles()
    assert stages["a"].p50 == pytest.approx(np.percentile(range(900, 1000), 50))
    assert stages["b"].p95 == pytest.approx(np.percentile(range(-999, -899), 95))
    assert recorder.percentiles(last=10)["a"].p50 == pytest.approx(np.percentile(range(990, 1000), 50))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["film", "stream"])
def test_signal_leaves_a_playable_film_and_exit_code_0(bundle, tmp_path, mjpeg, number, kind):
    source = mjpeg() if kind == "stream" else write_film(tmp_path / "long.mp4", 4000, (320, 240))
    saved = tmp_path / "saved.mp4"
    command = [*RUN, str(bundle), "--source", str(source), "--save", str(saved), "--jsonl", "-"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    seen = 60 if kind == "stream" else 5  # a live film keeps to the clock: give it some time
    for _ in range(seen):
        assert json.loads(process.stdout.readline())["classes"]
    process.send_signal(number)
    # Not communicate(): it reads past what readline() has in store, and loses it.
    out, err = process.stdout.read(), process.stderr.read()
    assert process.wait(30) == 0, err.decode()
    lines = out.decode().splitlines()
    assert all(json.loads(line) for line in lines)
    assert f"{len(lines) + seen:,} frames in" in err.decode()
    assert len(lines) + seen < 4000
    assert b"Traceback" not in err
    capture = cv2.VideoCapture(str(saved))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) >= 5
    assert capture.read()[0]
    assert not list(tmp_path.glob(".*"))


def test_the_command_prints_results_for_people_on_stderr_only(bundle, film):
    done = subprocess.run([*RUN, str(bundle), "--source", str(film)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "frame 0: " in done.stderr
    assert "30 frames in" in done.stderr


def test_command_survives_a_reader_that_leaves(bundle, tmp_path):
    film = write_film(tmp_path / "long.mp4", 3000)
    command = [*RUN, str(bundle), "--source", str(film), "--jsonl", "-", "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read().decode()
    assert process.wait(30) == 0, err
    assert "Traceback" not in err
    assert "BrokenPipe" not in err
    assert "frames in" in err


def test_command_whose_camera_stays_away_keeps_the_film_and_the_lines(bundle, tmp_path):
    saved, lines = tmp_path / "saved.mp4", tmp_path / "lines.jsonl"
    with MjpegCamera() as server:
        command = [*MAIN, "run", str(bundle), "--source", server.address, "--save", str(saved), "--jsonl", str(lines)]
        process = subprocess.Popen([*command, "--give-up", "2s"], stderr=subprocess.PIPE, text=True)
        wait_until(lambda: lines.exists() and lines.read_text().count("\n") > 40)
        server.kill()
        err = process.stderr.read()
        assert process.wait(30) == 6, err
    assert "camera lost: " in err
    assert "the camera is lost and hasn't come back for 2 s" in err
    assert "Traceback" not in err
    assert cv2.VideoCapture(str(saved)).read()[0]
    last = json.loads(lines.read_text().splitlines()[-1])
    assert last["event"] == "camera_lost"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_while_the_camera_is_lost_ends_the_run_well(bundle, tmp_path, number):
    lines, err = tmp_path / "lines.jsonl", tmp_path / "err.txt"
    with MjpegCamera() as server, err.open("w") as output:
        command = [*RUN, str(bundle), "--source", server.address, "--jsonl", str(lines)]
        process = subprocess.Popen(command, stderr=output)
        wait_until(lambda: lines.exists() and lines.read_text().count("\n") > 10, tell=err.read_text)
        server.kill()
        wait_until(lambda: "camera_lost" in lines.read_text(), tell=err.read_text)
        time.sleep(0.7)  # in the middle of the second try
        signalled_at = time.monotonic()
        process.send_signal(number)
        assert process.wait(30) == 0, err.read_text()
    assert time.monotonic() - signalled_at < 6
    assert "frames in" in err.read_text()
    assert "Traceback" not in err.read_text()


@pytest.mark.slow
def test_a_reader_that_stops_reading_does_not_delay_the_run(bundle, tmp_path):
    """Its pipe fills; the lines of a live camera are then dropped, and counted, while the film goes on."""
    saved = tmp_path / "saved.mp4"
    with MjpegCamera(fps=200) as server:
        command = [*RUN, str(bundle), "--source", server.address, "--jsonl", "-", "--save", str(saved), "--quiet"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(5)
        process.send_signal(signal.SIGTERM)
        # Nobody reads: the end waits for a while, then leaves the lines behind.
        assert process.wait(30) == 1
        err = process.stderr.read().decode()
    assert "jsonl no longer answers" in err
    assert cv2.VideoCapture(str(saved)).get(cv2.CAP_PROP_FRAME_COUNT) > 100


def test_a_missing_camera_is_reported_at_once(bundle):
    done = subprocess.run([*MAIN, "run", str(bundle), "--source", "97"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 6
    assert "there is no such camera" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--stall", "soon"], "is not a duration"),
        (["--stall", "0"], "is not a duration"),
        (["--size", "large"], "is not the size of a picture"),
        (["--size", "0x480"], "is not the size of a picture"),
        (["--size", "640x480"], "only of a camera that is attached to this machine"),
        (["--fps", "30"], "only of a camera that is attached to this machine"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(bundle, film, options, message):
    command = [*MAIN, "run", str(bundle), "--source", str(film), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert message in done.stderr


def test_command_without_a_bundle_takes_the_last_one_converted(bundle, film, tmp_path):
    models = tmp_path / "models"
    environment = os.environ | {"EDGETL_MODELS": str(models)}
    command = [*MAIN, "run", "--source", str(film)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 2
    assert "edgetl train" in done.stderr
    (models / "tiny").mkdir(parents=True)
    card = json.loads((bundle / "bundle.json").read_text())["card"]
    (models / "tiny" / "card.json").write_text(json.dumps(card))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 2
    assert "edgetl convert tiny" in done.stderr
    bundle.rename(models / "tiny" / "rpi")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    assert "30 frames in" in done.stderr


def test_observer_sees_results_before_the_sinks_do(model):
    class Note(Collect):
        def write(self, observation):
            self.seen.append((observation.frame.index, observation.result))

        def notify(self, event):
            self.seen.append(event)

    events = [Event("recognised", 0.0, "first", 0), Event("recognised", 0.0, "second", 0)]
    sink = Note()
    loop.run(model, FakeCamera([solid(0)]), [sink], observer=lambda seen: (replace(seen, result="another"), events))
    assert sink.seen == [(0, "another"), *events]


def test_an_observation_has_timings_of_its_own_and_its_age(model):
    seen = []
    loop.run(model, FakeCamera([solid(0)] * 3), on_observation=seen.append)
    assert len({id(observation.timings) for observation in seen}) == 3, "the model overwrites its own timings"
    assert all(observation.age_ms > observation.timings.total > 0 for observation in seen)


def test_the_status_shows_the_figures_of_the_run(model):
    status, figures = Status(), []
    camera = FakeCamera([solid(0)] * 20, live=True, pause=0.01)
    assert status.figures().seconds_since_frame is None
    loop.run(model, camera, status=status, on_observation=lambda _: figures.append(status.figures()))
    assert figures[-1].connected
    assert figures[-1].frames >= 10
    assert 0 < figures[-1].fps <= 110
    assert 0 <= figures[-1].seconds_since_frame < 0.1
    assert set(figures[-1].stages) == set(loop.STAGES)


@pytest.mark.real_data
def test_real_photos_are_recognised(data_folder):
    from edgetl.device.inference.model import Model

    models, seen = data_folder / "models", {}
    labels = models / "imagenet_labels_1001.txt"
    with Model.open(models / "mobilenet_v2_1.0_224_quant.tflite", labels=labels) as model:
        camera = open_camera(str(data_folder / "photos"), model.card.input)
        loop.run(model, camera, on_observation=lambda shown: seen.update({shown.frame.name: shown.result.labels[0]}))
    assert seen["parrot.jpg"] == "macaw"
    assert seen["cat.bmp"] == "Egyptian cat"
    assert seen["sunflower.bmp"] == "daisy"
