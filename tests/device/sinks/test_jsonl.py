"""Results and events as JSON Lines."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from fakes import camera_frame, classified, detected, observed

from edgetl.device.sinks.jsonl import JsonLines
from edgetl.device.stages import Timings
from edgetl.errors import EdgetlError
from edgetl.locks import BusyError


def test_each_line_can_be_read_as_soon_as_it_is_written(tmp_path):
    path = tmp_path / "new" / "results.jsonl"
    with JsonLines(str(path)) as sink:
        sink.write(observed(camera_frame(0), classified("grün"), Timings(0.5, 2.0, 0.25), 4.5))
        first = json.loads(path.read_text(encoding="utf-8"))
        sink.write(observed(camera_frame(3, name="x.png"), classified()))
    second = json.loads(path.read_text(encoding="utf-8").splitlines()[1])
    timings = {"preprocess": 0.5, "invoke": 2.0, "decode": 0.25}
    classes = [{"label": "grün", "class_id": 0, "score": 0.5}]
    measured = {"timings_ms": timings, "age_ms": 4.5}
    assert first == {"index": 0, "t": 0.0, **measured, "task": "classification", "classes": classes}
    assert (second["index"], second["t"], second["name"]) == (3, 0.12, "x.png")


def test_objects_have_boxes_in_pixels_and_in_shares(tmp_path):
    with JsonLines(str(tmp_path / "r.jsonl")) as sink:
        sink.write(observed(camera_frame(0), detected((16, 12, 32, 48))))
        sink.write(observed(camera_frame(1), detected()))
    first, second = map(json.loads, (tmp_path / "r.jsonl").read_text().splitlines())
    box = {"xyxy": [16, 12, 32, 48], "xyxyn": [0.25, 0.25, 0.5, 1]}
    assert first["task"] == "detection"
    assert first["objects"] == [{"label": "red", "class_id": 0, "score": 0.5} | box]
    assert second["objects"] == []


def test_a_file_that_another_run_writes_is_refused_and_stays(tmp_path):
    path = tmp_path / "r.jsonl"
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    with JsonLines(str(path)) as first:
        first.write(observed(camera_frame(0), classified()))
        for name in (path, link):
            with pytest.raises(BusyError, match=re.escape(str(name))):
                JsonLines(str(name)).__enter__()
        first.write(observed(camera_frame(1), classified()))
    assert len(path.read_text().splitlines()) == 2
    with JsonLines(str(path)) as later:
        later.write(observed(camera_frame(0), classified()))
    assert len(path.read_text().splitlines()) == 1, "an earlier run's file is replaced"
    with JsonLines("/dev/null") as one, JsonLines("/dev/null") as other:
        one.write(observed(camera_frame(0), classified()))
        other.write(observed(camera_frame(0), classified()))


def test_names_that_are_not_utf8_are_written_as_escapes(tmp_path):
    with JsonLines(str(tmp_path / "r.jsonl")) as sink:
        sink.write(observed(camera_frame(0, name=os.fsdecode(b"caf\xe9.png")), classified("\ud800")))
    line = json.loads((tmp_path / "r.jsonl").read_bytes())
    assert line["name"] == r"caf\udce9.png"


def test_results_go_to_stdout(capfdbinary):
    with JsonLines("-") as sink:
        sink.write(observed(camera_frame(0), classified()))
    assert json.loads(capfdbinary.readouterr().out)["index"] == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")  # noqa: PTH110
def test_a_full_disk_is_an_error_with_a_remedy():
    with JsonLines("/dev/full") as sink, pytest.raises(EdgetlError, match="No space left") as caught:
        sink.write(observed(camera_frame(0), classified()))
    assert "/dev/full" in str(caught.value)
    assert "free some space" in str(caught.value)


def test_a_full_disk_leaves_only_complete_lines(full_disk):
    path = full_disk(16) / "r.jsonl"
    with JsonLines(str(path)) as sink, pytest.raises(EdgetlError, match="No space left"):  # noqa: PT012
        for index in range(1000):
            sink.write(observed(camera_frame(index), classified("x" * 100)))
    lines = path.read_text().splitlines(keepends=True)
    assert len(lines) > 10
    assert all(line.endswith("\n") and json.loads(line) for line in lines)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")  # noqa: PTH110
def test_a_full_disk_behind_stdout_is_an_error_and_behind_stderr_is_not(tmp_path):
    script = """
import sys
import numpy as np
from edgetl.device.camera.frame import Frame
from edgetl.device.observation import Observation
from edgetl.device.sinks.console import Console
from edgetl.device.sinks.jsonl import JsonLines
from edgetl.device.stages import Timings
from edgetl.errors import EdgetlError
from edgetl.vision.results import Classification
nothing = Classification(np.zeros(0, int), np.zeros(0, np.float32), ())
observation = Observation(Frame(np.zeros((1, 1, 3), np.uint8), 0.0, 0, "a.png"), nothing, Timings(), 0.0)
with Console(sys.stderr) as sink:
    sink.write(observation)
with JsonLines("-") as sink:
    try:
        sink.write(observation)
    except EdgetlError as error:
        sys.exit(7 if error.where == "stdout" and error.remedy else 8)
"""
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run([sys.executable, "-c", script], stdout=full, stderr=full, check=False, timeout=60)
    assert done.returncode == 7


def test_a_file_that_cant_be_opened_is_an_error(tmp_path):
    with pytest.raises(EdgetlError, match="can't write"), JsonLines(str(tmp_path)):
        pass


def test_a_closed_pipe_ends_the_run_without_an_error():
    script = """
import numpy as np, sys
from edgetl.device.camera.frame import Frame
from edgetl.device.observation import Observation
from edgetl.device.sinks import RunEnded
from edgetl.device.sinks.jsonl import JsonLines
from edgetl.device.stages import Timings
from edgetl.vision.results import Classification, Detections
nothing = Classification(np.zeros(0, int), np.zeros(0, np.float32), ())
try:
    with JsonLines("-") as sink:
        for index in range(100_000):
            sink.write(Observation(Frame(np.zeros((1, 1, 3), np.uint8), 0.0, index), nothing, Timings(), 0.0))
except RunEnded:
    sys.exit(7)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(20) == 7
