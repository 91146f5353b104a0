"""Every kind of line that a run writes holds what the reference's table says, and the table knows every field."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from time import monotonic

import cv2
import numpy as np
import pytest
from fakes import CARD, ColourRuntime, FakeCamera, observed, solid

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.device.camera.frame import Frame, FrameClock
from edgetl.device.events import Event, EventKind
from edgetl.device.inference.model import Model
from edgetl.device.result_selection import ResultSelection
from edgetl.device.run import loop
from edgetl.device.run.camera_loss import CameraTimeouts
from edgetl.device.run.drift import DriftMonitor
from edgetl.device.run.lens import LensMonitor
from edgetl.device.run.observer import SceneObserver
from edgetl.device.run.scene_settings import SceneSettings
from edgetl.device.sinks.background import Background
from edgetl.device.sinks.jsonl import JsonLines
from edgetl.device.status import Status
from edgetl.errors import CameraError, EdgetlError
from edgetl.validation_profile import ValidationProfile
from edgetl.vision.filter import ResultFilter
from edgetl.vision.results import Classification, Detections
from edgetl.vision.shares import SCORE_BINS, histogram
from edgetl.vision.zones import Line, Zone

REFERENCE = Path(__file__).parents[3] / "docs" / "json-lines.md"
KINDS = set(EventKind.__args__)


def whole(value):
    return type(value) is int and value >= 0


def number(value):
    return type(value) in (int, float)


def share(value):
    return number(value) and 0 <= value <= 1


def text(value):
    return isinstance(value, str) and value != ""


def text_or_null(value):
    return value is None or text(value)


def shares(value):
    return len(value) == 4 and all(map(share, value)) and value[0] <= value[2] and value[1] <= value[3]


def pixels(value):
    return len(value) == 4 and all(map(number, value)) and min(value) >= 0 and value[0] <= value[2]


FIELDS = {
    "index": whole, "t": number, "name": text, "age_ms": number, "event": KINDS.__contains__, "text": text,
    "timings_ms.preprocess": number, "timings_ms.invoke": number, "timings_ms.decode": number,
    "task": {"classification", "detection"}.__contains__,
    "classes[].label": text, "classes[].class_id": whole, "classes[].score": share,
    "objects[].label": text, "objects[].class_id": whole, "objects[].score": share,
    "objects[].xyxy": pixels, "objects[].xyxyn": shares, "objects[].track": whole,
    "label": text_or_null, "class_id": whole, "track": whole, "zone": text, "line": text,
    "direction": {"in", "out"}.__contains__, "before": text_or_null, "score": share,
    "reason": text, "detail": text, "tries": whole, "seconds": number, "sink": text, "psi": number,
}  # fmt: skip


def fields(line, prefix=""):
    """The (path, value) of everything in a line."""
    for key, value in line.items():
        path = prefix + key
        if isinstance(value, dict):
            yield from fields(value, f"{path}.")
        elif isinstance(value, list) and path in ("classes", "objects"):
            for row in value:
                yield from fields(row, f"{path}[].")
        else:
            yield path, value


DETECTOR = ModelCard("p", "detection", ("bolt",), InputSpec(32, 32), decoding=DetectorDecoding((8,), (0.5,)))


def detector_lines(sink, watched):
    observer = SceneObserver(watched, ResultSelection(DETECTOR), live=True)
    for index in range(150):
        x, there = 600 - 12 * index, int(index < 50)
        boxes = np.array([(max(x - 30, 0), 200, max(x + 30, 1), 260)] * there, np.float32).reshape(-1, 4)
        found = Detections(boxes, np.full(there, 0.9, np.float32), np.zeros(there, int), ("bolt",) * there, (640, 480))
        observation, events = observer(observed(Frame(solid(0), 10 + index / 25, index), found))
        sink.write(observation)
        for event in events:
            sink.notify(event)


def classifier_lines(sink):
    model = Model(ColourRuntime(), CARD)
    images = [solid(2)] * 2 + [solid(0)] * 2 + [np.zeros((48, 64, 3), np.uint8)] * 2
    model.only = ResultFilter(threshold=0.5)
    observer = SceneObserver(SceneSettings(), ResultSelection(CARD), live=False, fps=25.0)
    loop.run(model, FakeCamera(images), [sink], observer=observer)
    sink.write(observed(replace(Frame(solid(0), monotonic(), 7), name="photo.jpg"), model(solid(0))))


def camera_lines(sink):
    lost = FakeCamera([solid(0)] * 3, live=True, pause=0.02, error=CameraError("unplugged"))
    timeouts = CameraTimeouts(first_pause=0.01, longest_pause=0.02)

    def reopen():
        return FakeCamera([solid(0)] * 1000, live=True, pause=0.02)

    model = Model(ColourRuntime(), CARD)
    loop.run(model, lost, [sink], reopen=reopen, timeouts=timeouts, max_frames=8)


def lens_lines(sink):
    watch = LensMonitor(2.0, learning=2.0)
    picture = np.random.default_rng(3).integers(0, 256, (48, 64, 3), np.uint8)
    pictures = [picture] * 20 + [picture // 20] * 20 + [cv2.blur(picture, (15, 15))] * 20 + [picture] * 20
    for index, image in enumerate(pictures):
        for event in watch(Frame(image, 40 + index / 2, index)):
            sink.notify(event)


def drift_lines(sink):
    sure = histogram([0.97, 0.99, 0.93], SCORE_BINS)
    card = replace(CARD, validation=ValidationProfile(3, sure, sure, sure, (0.4, 0.3, 0.3, 0.0), (0.0,) * 8))
    watch = DriftMonitor(ResultSelection(card), Status(), FrameClock(True), delay=2.0, covered=0.0)
    picture = np.random.default_rng(3).integers(0, 256, (48, 64, 3), np.uint8)
    unsure = Classification(np.array([0]), np.array([0.4], np.float32), ("red",))
    for index in range(400):
        image = picture // 20 if 20 <= index < 40 else picture
        for event in watch(observed(Frame(image, 40 + 2.5 * index, index), unsure)):
            sink.notify(event)


class Flaky:
    """A sink that fails once."""

    failed = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def notify(self, event):
        if not self.failed:
            self.failed = True
            raise EdgetlError("the disk is full")


def sink_lines(sink):
    status = Status()
    with Background(Flaky(), "film", lossless=False, status=status, reopens=True) as flaky:
        flaky.notify(Event("camera_lost", monotonic(), "lost"))
        deadline = monotonic() + 10
        posted = []
        while len(posted) < 2 and monotonic() < deadline:
            posted += status.take_events()
    for event in posted:
        sink.notify(event)


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """Lines of every kind, as runs write them."""
    path = tmp_path_factory.mktemp("lines") / "r.jsonl"
    with JsonLines(str(path)) as sink:
        detector_lines(
            sink, SceneSettings(zones=(Zone.parse("bin=0,0,0.3,0,0.3,1,0,1"),), lines=(Line.parse("a=0.5,0,0.5,1"),))
        )
        detector_lines(sink, SceneSettings(track=True))
        classifier_lines(sink)
        camera_lines(sink)
        lens_lines(sink)
        drift_lines(sink)
        sink_lines(sink)
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_writes_lines_of_every_kind(lines):
    assert {line["event"] for line in lines if "event" in line} == KINDS
    assert {line["task"] for line in lines if "task" in line} == {"classification", "detection"}


def test_every_line_is_a_result_or_an_event(lines):
    for line in lines:
        assert ("task" in line) != ("event" in line), line
        assert "t" in line


def test_every_field_has_the_documented_type_and_range(lines):
    for line in lines:
        for path, value in fields(line):
            assert FIELDS[path](value), (path, value, line)


def test_the_table_of_the_reference_has_exactly_the_fields_that_are_written(lines):
    reference = REFERENCE.read_text(encoding="utf-8")
    table = reference[reference.index("| field | in | what it is |") :].split("\n\n")[0]
    documented = {name for row in table.splitlines()[2:] for name in re.findall(r"`([^`]+)`", row.split("|")[1])}
    assert documented == {path for line in lines for path, _ in fields(line)} == set(FIELDS)
    assert all(f"`{kind}`" in table for kind in KINDS)


def test_unchanged_results_are_left_out_with_only_changes(tmp_path):
    path = tmp_path / "r.jsonl"
    with JsonLines(str(path), only_changes=True) as sink:
        detector_lines(sink, SceneSettings(track=True))
        model = Model(ColourRuntime(), CARD)
        for index in range(20):
            image = solid(2 if index < 10 else 0)
            sink.write(observed(Frame(image, 20 + index / 25, index), model(image)))
        for name in ("a.jpg", "b.jpg"):
            sink.write(observed(Frame(solid(0), 30.0, 0, name), model(solid(0))))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["index"], len(line["objects"])) for line in lines if line.get("task") == "detection"] == [
        (0, 1),
        (50, 0),
    ]
    seen = [(line["index"], line["classes"][0]["label"]) for line in lines if line.get("task") == "classification"]
    assert seen == [(0, "red"), (10, "blue"), (0, "blue"), (0, "blue")]
    assert [line["event"] for line in lines if "event" in line] == ["appeared", "gone"]
    assert [line["t"] for line in lines[:3]] == [0.0, 0.04, 2.0], "counted from the first frame, written or not"


def test_a_change_that_could_not_be_written_is_written_after_the_failure(tmp_path, monkeypatch):
    def says(label):
        return Classification(np.array([0]), np.array([0.9], np.float32), (label,))

    def full(*_):
        raise EdgetlError("the disk is full")

    sink = JsonLines(str(tmp_path / "r.jsonl"), only_changes=True)
    with sink:
        sink.write(observed(Frame(solid(0), 1.0, 0), says("red")))
        with monkeypatch.context() as patch, pytest.raises(EdgetlError):  # noqa: PT012
            patch.setattr(JsonLines, "_write_bytes", full)
            sink.write(observed(Frame(solid(0), 2.0, 1), says("blue")))
    with sink:
        for index in (1, 2):
            sink.write(observed(Frame(solid(0), 2.0, index), says("blue")))
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [(line["index"], line["classes"][0]["label"]) for line in lines] == [(0, "red"), (1, "blue")]
