"""Several instances of one model process a file's frames at once, with the results of a single one."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from fakes import CARD, ColourRuntime, FakeCamera, observed, solid

from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event
from edgetl.device.inference.model import Model
from edgetl.device.result_selection import ResultSelection
from edgetl.device.run import loop
from edgetl.device.run.model_pool import ModelPool
from edgetl.device.status import Status
from edgetl.errors import CameraError


class Uneven(ColourRuntime):
    """Takes longer for some frames than for others, and records how many frames were processed at once."""

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
def pool():
    Uneven.at_once = Uneven.most = 0
    return ModelPool([Model(Uneven(), CARD) for _ in range(3)])


def answers(models, images, **options):
    seen = []

    def note(observation):
        seen.append((observation.frame.index, observation.result.labels, observation.result.score.tolist()))

    summary = loop.run(models, FakeCamera(images), on_observation=note, **options)
    return seen, summary


# Red, green, blue and so on, in ever more light.
IMAGES = [np.maximum(solid(2 - step % 3), np.uint8(step)) for step in range(60)]


def test_a_pool_gives_the_results_of_one_model_in_the_frames_order(pool):
    together, summary = answers(pool, IMAGES)
    assert Uneven.most > 1, "several frames were processed at once"
    alone, _ = answers(pool.models[0], IMAGES)
    assert together == alone
    assert [index for index, _, _ in together] == list(range(60))
    assert (summary.frames, summary.dropped) == (60, 0)


def test_a_live_camera_uses_the_first_model_alone(pool):
    camera = FakeCamera(IMAGES, live=True, pause=0.001)
    loop.run(pool, camera)
    assert Uneven.most == 1


def test_a_changed_selection_reaches_every_model(pool):
    seen, selection = [], ResultSelection(CARD)

    def note(observation):
        seen.append(observation.result.labels)
        if observation.frame.index == 10:
            selection.update(lambda chosen: replace(chosen, classes=("blue",)))

    loop.run(pool, FakeCamera(IMAGES), selection=selection, on_observation=note)
    assert seen[:11] == [("red",), ("green",), ("blue",)] * 3 + [("red",), ("green",)]
    assert set(seen[20:]) == {("blue",)}


def test_max_frames_ends_a_pool_in_time(pool):
    seen, summary = answers(pool, IMAGES, max_frames=7)
    assert [index for index, _, _ in seen] == list(range(7))
    assert summary.frames == 7
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("inference")]


def test_a_model_that_fails_ends_the_run_at_its_frame(pool):
    def fail():
        raise RuntimeError("no more")

    seen = []
    pool.models[1]._runtime.invoke = fail
    with pytest.raises(RuntimeError, match="no more"):
        loop.run(pool, FakeCamera(IMAGES), on_observation=lambda shown: seen.append(shown.frame.index))
    assert seen == list(range(len(seen)))
    assert len(seen) < 60


def test_an_error_of_the_source_comes_after_the_results_before_it(pool):
    seen, camera = [], FakeCamera(IMAGES[:8], error=CameraError("can't be read"))
    with pytest.raises(CameraError, match="can't be read"):
        loop.run(pool, camera, on_observation=lambda shown: seen.append(shown.frame.index))
    assert seen == list(range(8))


@pytest.mark.parametrize(("is_live", "fps"), [(False, 2 / 1.001), (True, 1 / 0.001)])
def test_two_results_at_once_do_not_inflate_the_rate(monkeypatch, is_live, fps):
    monkeypatch.setattr(loop, "monotonic", lambda: 50.0)
    meter = loop._Meter(Status(), live=is_live)
    for age_ms in (1000.0, 1001.0):
        meter.add(observed(Frame(IMAGES[0], 50.0, 0), None, age_ms=age_ms))
    assert meter.summary().fps == pytest.approx(fps)


def test_events_keep_their_place(pool):
    frames = list(FakeCamera(IMAGES[:5]))
    event = Event("camera_back", 0.0, "it is back")
    found = list(pool.run_models([*frames[:3], event, *frames[3:]]))
    assert [item if isinstance(item, Event) else item.frame.index for item in found] == [0, 1, 2, event, 3, 4]


@pytest.mark.parametrize(
    ("parallel", "threads", "models"), [(False, 3, 1), (True, 3, 3), (True, 9, 4), (True, None, 1)]
)
def test_a_model_is_opened_once_for_each_frame_at_once(monkeypatch, bundle, parallel, threads, models):
    monkeypatch.setattr("edgetl.device.runtime.threads.cores", lambda: 4)
    opened = ModelPool.open(bundle, parallel=parallel, threads=threads).models
    assert len(opened) == models
    assert {model.variant for model in opened} == {"float32"}
