"""Several of one model look at a file's frames at once, and nobody can tell but by the time it takes."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from fakes import CARD, ColourRuntime, FakeCamera, solid

from edgetl.device.camera import has_frames_at_once
from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event
from edgetl.device.inference.model import Model
from edgetl.device.run import loop
from edgetl.device.run.model_pool import Looked, look, open_crew
from edgetl.device.stages import Timings
from edgetl.device.status import Status
from edgetl.errors import CameraError
from edgetl.vision.filter import ResultFilter


class Uneven(ColourRuntime):
    """Takes longer for some frames than for others, and remembers how many were looked at at once."""

    at_once = most = 0
    lock = threading.Lock()

    def invoke(self):
        with Uneven.lock:
            Uneven.at_once += 1
            Uneven.most = max(Uneven.most, Uneven.at_once)
        super().invoke()
        time.sleep(0.001 * (int(self._pixels.sum()) % 7))
        with Uneven.lock:
            Uneven.at_once -= 1


@pytest.fixture
def crew():
    Uneven.at_once = Uneven.most = 0
    return [Model(Uneven(), CARD) for _ in range(3)]


def answers(models, images, **options):
    seen, camera = [], FakeCamera(images)
    options["on_result"] = lambda frame, result: seen.append((frame.index, result.labels, result.score.tolist()))
    summary = loop.run(models[0], camera, crew=models[1:], **options)
    return seen, summary


# Red, green, blue and so on, in ever more light.
IMAGES = [np.maximum(solid(2 - step % 3), np.uint8(step)) for step in range(60)]


def test_results_are_those_of_one_model_in_the_frames_order(crew):
    together, summary = answers(crew, IMAGES)
    assert Uneven.most > 1, "they did look at once"
    alone, _ = answers(crew[:1], IMAGES)
    assert together == alone
    assert [index for index, _, _ in together] == list(range(60))
    assert (summary.frames, summary.dropped) == (60, 0)


def test_a_live_camera_is_looked_at_by_the_first_alone(crew):
    camera = FakeCamera(IMAGES, live=True, pause=0.001)
    loop.run(crew[0], camera, crew=crew[1:])
    assert Uneven.most == 1


def test_what_is_wanted_of_the_first_is_wanted_of_all(crew):
    seen = []

    def note(frame, result):
        seen.append(result.labels)
        if frame.index == 10:
            crew[0].only = ResultFilter(classes=("blue",))

    loop.run(crew[0], FakeCamera(IMAGES), crew=crew[1:], on_result=note)
    assert seen[:11] == [("red",), ("green",), ("blue",)] * 3 + [("red",), ("green",)]
    assert set(seen[20:]) == {("blue",)}


def test_an_end_that_is_asked_for_comes_in_time(crew):
    seen, summary = answers(crew, IMAGES, max_frames=7)
    assert [index for index, _, _ in seen] == list(range(7))
    assert summary.frames == 7
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("look")]


def test_a_model_that_fails_ends_the_run_at_its_frame(crew):
    def fail():
        raise RuntimeError("no more")

    seen = []
    crew[1]._runtime.invoke = fail
    with pytest.raises(RuntimeError, match="no more"):
        loop.run(crew[0], FakeCamera(IMAGES), crew=crew[1:], on_result=lambda frame, _: seen.append(frame.index))
    assert seen == list(range(len(seen)))
    assert len(seen) < 60


def test_an_error_of_the_source_comes_after_the_results_before_it(crew):
    seen, camera = [], FakeCamera(IMAGES[:8], error=CameraError("can't be read"))
    with pytest.raises(CameraError, match="can't be read"):
        loop.run(crew[0], camera, crew=crew[1:], on_result=lambda frame, _: seen.append(frame.index))
    assert seen == list(range(8))


@pytest.mark.parametrize(("is_live", "fps"), [(False, 2 / 1.001), (True, 1 / 0.001)])
def test_two_photos_at_once_are_not_a_thousand_a_second(monkeypatch, is_live, fps):
    monkeypatch.setattr(loop, "monotonic", lambda: 50.0)
    meter = loop._Meter(Status(), live=is_live)
    for at in (51.0, 51.001):
        meter.add(Looked(Frame(IMAGES[0], 50.0, 0), None, Timings(), at))
    assert meter.summary().fps == pytest.approx(fps)


def test_events_keep_their_place(crew):
    frames = list(FakeCamera(IMAGES[:5]))
    event = Event("camera_back", 0.0, "it is back")
    found = list(look(crew, [*frames[:3], event, *frames[3:]]))
    assert [item if isinstance(item, Event) else item.frame.index for item in found] == [0, 1, 2, event, 3, 4]


@pytest.mark.parametrize(
    ("together", "threads", "models"), [(False, 3, 1), (True, 3, 3), (True, 9, 4), (True, None, 1)]
)
def test_a_model_is_opened_once_for_each_frame_at_once(monkeypatch, bundle, together, threads, models):
    monkeypatch.setattr("edgetl.device.run.model_pool.cores", lambda: 4)
    opened = open_crew(bundle, together=together, threads=threads)
    assert len(opened) == models
    assert {model.variant for model in opened} == {"float32"}


@pytest.mark.parametrize(
    ("source", "file"),
    [("film.mp4", True), ("photos", True), ("photos/*.jpg", True), ("0", False), ("/dev/video0", False)]
    + [(f"{scheme}://host/a.mp4", False) for scheme in ("rtsp", "http", "picamera")],
)
def test_of_a_file_several_frames_are_looked_at_at_once(source, file):
    assert has_frames_at_once(source) == file


def test_for_a_single_photo_one_model_is_opened(tmp_path):
    (tmp_path / "photo.jpg").touch()
    assert not has_frames_at_once(str(tmp_path / "photo.jpg"))
    assert has_frames_at_once(str(tmp_path / "*.jpg"))
    assert has_frames_at_once(str(tmp_path))
