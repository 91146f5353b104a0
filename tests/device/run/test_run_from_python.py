"""What `edgetl run` does can be done from Python, without printing and in any thread."""

from __future__ import annotations

import threading
from dataclasses import fields

import cv2
import numpy as np
import pytest

from edgetl.cli.run import run as command
from edgetl.device.run.job import run
from edgetl.device.run.settings import RunSettings
from edgetl.device.sinks import RunEnded
from edgetl.device.stop import Stop
from edgetl.errors import UsageError
from edgetl.progress import PrintProgress


class Notes:
    """A sink of the caller's own."""

    def __init__(self):
        self.labels, self.events, self.closed = [], [], False

    def __enter__(self):
        return self

    def write(self, observation):
        self.labels.append(observation.result.labels[0])

    def notify(self, event):
        self.events.append(str(event))

    def __exit__(self, *_):
        self.closed = True


def test_every_frame_reaches_the_callback_and_nothing_is_printed(bundle, film, capfd):
    seen = []
    result = run(RunSettings(model=bundle, source=str(film)), seen.append)
    assert [observation.frame.index for observation in seen] == list(range(30))
    assert all(observation.age_ms >= observation.timings.total > 0 for observation in seen)
    assert result.summary.frames == 30
    assert str(result).startswith("30 frames in ")
    assert "red" in str(result)
    assert capfd.readouterr() == ("", "")


def test_a_notebook_shows_an_observation_as_its_annotated_picture(bundle, film):
    seen = []
    run(RunSettings(model=bundle, source=str(film), max_frames=1), seen.append)
    shown = cv2.imdecode(np.frombuffer(seen[0]._repr_jpeg_(), np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == seen[0].frame.picture().shape
    assert not np.array_equal(seen[0].annotated(), seen[0].frame.picture())


def test_a_sink_of_the_callers_own_gets_results_and_events(bundle, film):
    sink = Notes()
    run(RunSettings(model=bundle, source=str(film)), sinks=[sink])
    assert len(sink.labels) == 30
    assert sink.events[0] == f"recognised {sink.labels[0]}"
    assert sink.closed


def test_a_callback_can_end_the_run(bundle, film):
    def end_soon(observation):
        if observation.frame.index == 4:
            raise RunEnded

    assert run(RunSettings(model=bundle, source=str(film)), end_soon).summary.frames == 5


def test_a_live_run_in_another_thread_ends_by_its_stop(bundle, mjpeg):
    stop, started, results = Stop(), threading.Event(), []
    settings = RunSettings(model=bundle, source=mjpeg())

    def call():
        results.append(run(settings, lambda _: started.set(), stop=stop))

    thread = threading.Thread(target=call)
    thread.start()
    assert started.wait(30)
    stop.set()
    thread.join(30)
    assert results[0].summary.frames >= 1


def test_a_run_that_is_stopped_before_it_starts_says_so(bundle, film):
    stop = Stop()
    stop.set()
    result = run(RunSettings(model=bundle, source=str(film)), stop=stop)
    assert not result.started
    assert str(result) == "stopped before the first frame"


def test_an_output_of_the_settings_is_written(bundle, film, tmp_path):
    settings = RunSettings(model=bundle, source=str(film), jsonl=tmp_path / "results.jsonl", max_frames=7)
    run(settings)
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 7


def test_a_token_made_for_the_run_is_reported(bundle, film, capfd):
    pytest.importorskip("uvicorn")
    run(RunSettings(model=bundle, source=str(film), serve="0.0.0.0:0", max_frames=1), progress=PrintProgress())
    assert "?token=" in capfd.readouterr().out


def test_the_settings_are_the_commands_options_with_its_defaults():
    options = command.make_context("run", []).params
    quiet = options.pop("quiet")
    assert set(options) == {field.name for field in fields(RunSettings)} - {"print_results"}
    assert RunSettings(print_results=not quiet, **options) == RunSettings(print_results=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jsonl_changes": True}, "--jsonl-changes goes with --jsonl"),
        ({"tls_key": "key.pem"}, "--tls-key goes with --serve"),
        ({"save": " "}, "--save is empty"),
    ],
)
def test_settings_without_a_meaning_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        RunSettings(**options)


def test_settings_show_no_password():
    settings = RunSettings(source="rtsp://cam:secret@host/", mqtt="mqtt://cam:secret@host", classes=("disc",))
    assert "secret" not in repr(settings)
    assert "disc" in repr(settings)
