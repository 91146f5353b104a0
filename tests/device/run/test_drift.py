"""Drift is reported and named: no light, a covered lens, another scene, other answers; an unchanged stream has none."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from fakes import CARD, drawn_scene, noisy, observed

from edgetl.device.camera.frame import Frame, FrameClock
from edgetl.device.result_selection import ResultSelection
from edgetl.device.run.drift import DriftMonitor
from edgetl.device.run.job import run
from edgetl.device.run.settings import RunSettings
from edgetl.device.status import Status
from edgetl.validation_profile import ValidationProfile
from edgetl.vision.filter import ResultFilter
from edgetl.vision.results import Classification
from edgetl.vision.shares import BRIGHTNESS_BINS, SCORE_BINS, histogram

SIZE = (120, 160)
SURE = np.random.default_rng(2).beta(12, 1.2, 4000)
"""Scores as a good model gives them on its validation photos."""
PROFILE = ValidationProfile(
    200,
    histogram(SURE, SCORE_BINS),
    histogram(SURE, SCORE_BINS),
    histogram(1 - SURE, SCORE_BINS),
    (0.4, 0.3, 0.3, 0.0),
    histogram([100, 120, 140], BRIGHTNESS_BINS, 256.0),
)
PROFILED = replace(CARD, validation=PROFILE)


@pytest.fixture(scope="module")
def scene():
    return drawn_scene(SIZE, (2, 10, 40))


def answer(label, score):
    return Classification(np.array([label]), np.array([score], np.float32), (CARD.labels[label],))


class Watched:
    """A camera with a model behind it, a picture each `pace` seconds, by a clock of its own."""

    def __init__(self, card=CARD, delay=10.0, covered=0.0, pace=0.5):
        self.pace = pace
        self.status, self.selection = Status(), ResultSelection(card)
        self.monitor = DriftMonitor(self.selection, self.status, FrameClock(True), delay=delay, covered=covered)
        self.at, self.index, self.rng = 500.0, 0, np.random.default_rng(5)

    def see(self, pictures, seconds, answers=lambda rng: answer(0, 0.9)):
        """Shows pictures in turn for so long; returns the events as (kind, reason, seconds since the first)."""
        events, since = [], self.at
        for _ in range(round(seconds / self.pace)):
            events += self.look(pictures[self.index % len(pictures)], answers(self.rng), since)
        return events

    def look(self, picture, result, since):
        observation = observed(Frame(picture, self.at, self.index), result)
        events = [(e.kind, e.facts["reason"], round(self.at - since)) for e in self.monitor(observation)]
        self.at, self.index = self.at + self.pace, self.index + 1
        return events

    def fade(self, picture, seconds):
        """Takes the light away evenly; returns the events as `see` does."""
        events, since = [], self.at
        for step in range(2 * seconds):
            dimmed = noisy((picture * (1 - step / (2 * seconds))).astype(np.uint8), step)
            events += self.look(dimmed, answer(0, 0.9), since)
        return events


def seen(image):
    return [noisy(image, seed) for seed in range(4)]


@pytest.mark.parametrize("usual", [20, 90])
@pytest.mark.parametrize("fading", [5, 20])
def test_light_that_fades_to_dark_is_named_within_thirty_seconds(scene, usual, fading):
    watched = Watched()
    assert watched.see(seen(scene), usual) == []
    events = watched.fade(scene, fading)
    events += [(kind, why, fading + after) for kind, why, after in watched.see([scene * 0], 60)]
    ((kind, reason, after),) = events
    assert (kind, reason, after <= 30) == ("drift", "light_off", True)
    assert watched.status.figures().drifting == ("light_off",)
    ((kind, reason, after),) = watched.see(seen(scene), 60)
    assert (kind, reason, after <= 11) == ("drift_over", "light_off", True)
    assert watched.status.figures().drifting == ()


@pytest.mark.parametrize(
    ("reason", "spoil", "within"),
    [
        ("light_off", lambda image: image // 8, 11),
        ("black", lambda image: image * 0, 11),
        ("covered", lambda image: np.full_like(image, 20), 11),
        ("covered", lambda image: np.full_like(image, 120), 11),
        ("turned", lambda image: cv2.flip(image, 1), 31),
        ("blurred", lambda image: cv2.GaussianBlur(image, (0, 0), 3), 31),
    ],
)
def test_what_has_happened_to_the_picture_is_named(scene, reason, spoil, within):
    watched = Watched()
    assert watched.see(seen(scene), 90) == []
    ((kind, named, after),) = watched.see(seen(spoil(scene)), 120)
    assert (kind, named, after <= within) == ("drift", reason, True)
    ((kind, named, _),) = watched.see(seen(scene), 60)
    assert (kind, named) == ("drift_over", reason)


def test_a_camera_that_moves_anyway_is_never_said_to_be_turned():
    rng = np.random.default_rng(3)
    scenes = [cv2.resize(rng.integers(0, 256, (12, 16, 3), np.uint8), SIZE[::-1]) for _ in range(12)]
    watched = Watched()
    assert watched.see(scenes, 300) == []


def test_a_short_shadow_is_no_drift(scene):
    watched = Watched()
    watched.see(seen(scene), 90)
    for _ in range(5):
        assert watched.see(seen(scene // 8), 8) == []
        assert watched.see(seen(scene), 4) == []


def test_an_unchanged_stream_gives_no_drift_in_an_hour(scene):
    def answers(rng):
        return answer(int(rng.choice(3, p=(0.4, 0.3, 0.3))), rng.beta(12, 1.2))

    pictures = []
    for place in range(8):  # something passes by
        picture = scene.copy()
        picture[40:80, 20 * place : 20 * place + 18] = 30 * place
        pictures.append(noisy(picture, place))
    watched = Watched(PROFILED, covered=60.0)
    assert watched.see(pictures, 3600, answers) == []
    index = watched.status.figures().drift_index
    assert set(index) == {"scores", "classes", "brightness"}
    assert max(index.values()) < 0.1


def test_a_scene_that_the_photos_did_not_show_is_no_drift_while_the_model_is_sure(scene):
    watched = Watched(PROFILED, pace=2.5)
    assert watched.see(seen(scene // 2), 1800, lambda rng: answer(2, 0.97)) == []


def test_scores_below_those_of_the_validation_photos_are_reported(scene):
    watched = Watched(PROFILED, pace=2.5)
    events = watched.see(seen(scene), 1200, lambda rng: answer(0, rng.uniform(0.4, 0.8)))
    assert [(kind, reason) for kind, reason, _ in events] == [("drift", "scores")]
    assert events[0][2] <= 605
    events = watched.see(seen(scene), 1200, lambda rng: answer(0, rng.beta(12, 1.2)))
    assert [(kind, reason) for kind, reason, _ in events] == [("drift_over", "scores")]


@pytest.mark.parametrize("card", [CARD, PROFILED])
def test_other_classes_than_at_first_are_reported(scene, card):
    watched = Watched(card, pace=2.5)
    mostly = [0.9, 0.1, 0.0]
    assert watched.see(seen(scene), 900, lambda rng: answer(int(rng.choice(3, p=mostly)), 0.95)) == []
    events = watched.see(seen(scene), 1500, lambda rng: answer(int(rng.choice(3, p=mostly[::-1])), 0.95))
    assert [(kind, reason) for kind, reason, _ in events] == [("drift", "classes")]


def test_light_that_stays_somewhat_weaker_is_reported(scene):
    watched = Watched(pace=2.5)
    watched.see(seen(scene), 900)
    events = watched.see(seen((scene * 0.6).astype(np.uint8)), 1500)
    assert [(kind, reason) for kind, reason, _ in events] == [("drift", "brightness")]


def test_answers_are_compared_anew_when_a_viewer_chooses_others(scene):
    watched = Watched(PROFILED, pace=2.5)
    watched.see(seen(scene), 1200, lambda rng: answer(0, rng.uniform(0.4, 0.8)))
    watched.selection.update(lambda chosen: ResultFilter(threshold=0.3))
    events = watched.see(seen(scene), 1200, lambda rng: answer(0, rng.uniform(0.4, 0.8)))
    assert events == [("drift_over", "scores", 0)]


def test_without_a_delay_nothing_is_reported(scene):
    watched = Watched(PROFILED, delay=0.0)
    assert watched.see(seen(scene), 90) + watched.see([scene * 0], 600) == []


def test_a_film_whose_light_fades_gives_the_event_in_its_own_time(bundle, tmp_path, scene):
    writer = cv2.VideoWriter(str(tmp_path / "fades.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 2.0, SIZE[::-1])
    for step in range(160):
        writer.write((scene * min(1.0, max(0.0, (120 - step) / 40))).astype(np.uint8))
    writer.release()
    run(RunSettings(model=bundle, source=str(tmp_path / "fades.mp4"), jsonl=tmp_path / "lines.jsonl"))
    lines = map(json.loads, (tmp_path / "lines.jsonl").read_text().splitlines())
    ((reason, index),) = [(line["reason"], line["index"]) for line in lines if line.get("event") == "drift"]
    assert reason == "light_off"
    assert 80 < index <= 80 + 2 * 30
