from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace

import pytest
from fakes import FakeCamera, solid

from edgetl.device.camera import open_camera
from edgetl.device.events import Event
from edgetl.device.run import loop
from edgetl.device.sinks import RunEnded
from edgetl.device.status import Status
from edgetl.device.stop import Stop
from edgetl.errors import CameraError
from edgetl.vision.filter import ResultFilter


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
