"""`edgetl run` reports events: options, files and messages."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from homes import edgetl
from test_run_detector import LABELS, Cells

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.cli.option_types import Size
from edgetl.device.inference.model import Model
from edgetl.device.runtime import Tensor

ONE_CELL = np.zeros((16, 16, 3), np.uint8)
ONE_CELL[..., 2] = 255


class Scores(Cells):
    """A classifier of the same pictures."""

    def __init__(self):
        super().__init__()
        self.outputs = (Tensor("scores", (1, 3), "float32"),)

    def output_view(self, index):
        return np.array([0.9, 0.05, 0.05], np.float32)


class Flicker(Scores):
    """A classifier that says green for every fifth picture."""

    def __init__(self):
        super().__init__()
        self._count = -1  # a model is called once as it is opened

    def invoke(self):
        self._count += 1

    def output_view(self, index):
        return np.array([0.1, 0.8, 0.1] if self._count % 5 == 4 else [0.9, 0.05, 0.05], np.float32)


@pytest.fixture
def detector(monkeypatch):
    """A detector that finds red squares only."""
    card = ModelCard("cells", "detection", LABELS, InputSpec(16, 64), decoding=DetectorDecoding((16,), (0.5,)))
    monkeypatch.setattr(Model, "open", lambda *_, **values: Model(Cells(), card, only=values["only"]))


@pytest.fixture
def belt(tmp_path, monkeypatch):
    """A film in which a red square goes from the left to the right, rests a while, and is gone."""
    monkeypatch.chdir(tmp_path)
    writer = cv2.VideoWriter("belt.mp4", cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (640, 160))
    for index in range(180):
        picture = np.zeros((160, 640, 3), np.uint8)
        cell = min(index // 6, 3)
        if index < 60:
            picture[:, cell * 160 : cell * 160 + 160, 2] = 255
        writer.write(picture)
    writer.release()
    return tmp_path


def lines(path="r.jsonl"):
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        return [json.loads(line) for line in file]


@pytest.mark.usefixtures("detector")
def test_a_film_gives_zone_and_line_events_tracks_and_pictures(belt):
    outcome = edgetl(
        "run", "any.tflite", "--source", "belt.mp4", "--jsonl", "r.jsonl", "--events", "seen", "--save", "films/",
        "--zone", "right=0.7,0,1,0,1,1,0.7,1", "--count", "middle=0.5,1,0.5,0",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    reported = [(line["event"], line["text"]) for line in lines() if "event" in line]
    assert reported == [
        ("crossed", "red 1 crossed middle, in"),
        ("entered", "red 1 entered right"),
        ("left", "red 1 left right"),
    ]
    assert "red 1 entered right" in outcome.err
    assert outcome.err.rstrip().endswith("middle: 1 in (1 red), 0 out")
    assert {found["track"] for line in lines() for found in line.get("objects", [])} == {1}
    assert len(list((belt / "seen").glob("*.json"))) == 3
    assert len(list((belt / "seen").glob("*.clean.jpg"))) == 3
    (film,) = (belt / "films").glob("[!.]*.mp4")
    assert cv2.VideoCapture(str(film)).get(cv2.CAP_PROP_FRAME_COUNT) == 180


@pytest.mark.usefixtures("detector", "belt")
def test_objects_are_not_tracked_without_an_option_that_needs_it():
    assert edgetl("run", "any.tflite", "--source", "belt.mp4", "--jsonl", "r.jsonl").code == 0
    assert not [line for line in lines() if "event" in line]
    assert not [found for line in lines() for found in line["objects"] if "track" in found]


@pytest.mark.usefixtures("belt")
def test_smoothing_removes_single_wrong_labels(monkeypatch):
    card = ModelCard("cells", "classification", LABELS, InputSpec(16, 64))
    monkeypatch.setattr(Model, "open", lambda *_, **values: Model(Flicker(), card, only=values["only"]))
    assert edgetl("run", "any.tflite", "--source", "belt.mp4", "--jsonl", "r.jsonl").code == 0
    assert sum(line["classes"][0]["label"] == "green" for line in lines()) == 36
    assert edgetl("run", "any.tflite", "--source", "belt.mp4", "--jsonl", "r.jsonl", "--smooth", "5").code == 0
    assert {line["classes"][0]["label"] for line in lines() if "classes" in line} == {"red"}
    assert [line["text"] for line in lines() if "event" in line] == ["recognised red"]


@pytest.mark.usefixtures("detector", "belt")
def test_jsonl_changes_writes_only_new_results_and_events():
    args = ("run", "any.tflite", "--source", "belt.mp4", "--jsonl", "r.jsonl", "--jsonl-changes", "--track")
    assert edgetl(*args).code == 0
    reported = [line.get("event") or [found["label"] for found in line["objects"]] for line in lines()]
    assert reported == [["red"], "appeared", [], "gone"]


@pytest.mark.usefixtures("detector", "belt")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--smooth", "5"), "--smooth steadies a classifier's label"),
        (("--zone", "a=0,0,1,1"), "three or more corners"),
        (("--zone", "a=0,0,9,0,9,9"), "9 is not a share"),
        (("--count", "a"), "not a name followed by pairs of numbers"),
        (("--count", "a=0,0,1,1", "--count", "a=0,0,1,0"), "given twice"),
        (("--jsonl", ""), "--jsonl is empty"),
        (("--save", ""), "--save is empty"),
        (("--mqtt", " "), "--mqtt is empty"),
        (("--jsonl-changes",), "--jsonl-changes goes with --jsonl"),
        (("--save-max", "1GB"), "--save-max goes with --save"),
        (("--save-every", "5m"), "--save-every goes with --save"),
        (("--events-max", "5"), "--events-max goes with --events"),
        (("--mqtt-password-file", "x"), "--mqtt-password-file goes with --mqtt"),
        (("--mqtt", "http://localhost"), "not the address of an MQTT broker"),
        (("--save", "a.mp4", "--save-max", "5MB"), "hold no films"),
        (("--save", "a.mp4", "--save-max", "much"), "write 500MB or 2GB"),
        (("--every", "often"), "not a duration"),
    ],
)
def test_an_option_without_a_meaning_is_refused_with_the_reason(options, message):
    outcome = edgetl("run", "any.tflite", "--source", "belt.mp4", *options)
    assert outcome.code == 2, outcome.err
    assert message in " ".join(outcome.err.split())
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("option", [("--track",), ("--zone", "a=0,0,1,0,1,1"), ("--count", "a=0,0,1,1")])
@pytest.mark.usefixtures("belt")
def test_tracking_options_are_refused_for_a_classifier(option, monkeypatch):
    card = ModelCard("cells", "classification", LABELS, InputSpec(16, 64))
    monkeypatch.setattr(Model, "open", lambda *_, **values: Model(Scores(), card, only=values["only"]))
    outcome = edgetl("run", "any.tflite", "--source", "belt.mp4", *option)
    assert outcome.code == 2, outcome.err
    assert f"{option[0]} follows a detector's objects, and this model is a classifier" in outcome.err


@pytest.mark.parametrize(
    ("text", "size"), [("2GB", 2_000_000_000), ("500MB", 500_000_000), ("1.5 gb", None), ("1.5gb", 1_500_000_000),
                       ("10kb", 10_000), ("1TB", 10**12), ("12345", 12345), ("7B", 7)],
)  # fmt: skip
def test_a_size_is_read_in_bytes(text, size):
    assert Size().convert(text, None, None) == (size or 1_500_000_000)


def test_help_has_an_example_of_events():
    from edgetl.cli.run import run

    text = CliRunner().invoke(run, ["--help"]).output
    assert "--events seen/" in text
    assert "--mqtt mqtt://" in text
