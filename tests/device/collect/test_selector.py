"""The candidates among a run's frames: the best of each moment, changed results, and a few by lot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from fakes import CARD, camera_frame, observed

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.device.camera.frame import FrameClock
from edgetl.device.collect.budget import BURST, LEAST, Budget
from edgetl.device.collect.changed_results import ChangedResults
from edgetl.device.collect.selector import RANDOM_EVERY, FrameSelector
from edgetl.vision.classify import best
from edgetl.vision.results import Detections

DETECTOR = ModelCard("p", "detection", ("bolt", "nut"), InputSpec(32, 32), DetectorDecoding())


def frame_of(index, at=None, name=""):
    return camera_frame(index, index / 10 if at is None else at, name=name)


def classified(index, *scores, at=None, name=""):
    array = np.array(scores, np.float32)
    result = best(array, CARD.labels, 1, np.float32(0))
    return replace(observed(frame_of(index, at, name), result), scores=array)


def tracked(index, *objects):
    """An observation of objects, each as (track, class)."""
    count = len(objects)
    boxes = np.tile(np.array([[1, 1, 9, 9]], np.float32), (count, 1))
    tracks, classes = np.array(objects, np.int64).reshape(-1, 2).T
    labels = tuple(DETECTOR.labels[column] for column in classes)
    result = Detections(boxes, np.full(count, 0.95, np.float32), classes, labels, (64, 48), tracks)
    return observed(frame_of(index), result)


def chosen(selector, observations):
    found = [candidate for observation in observations for candidate in selector.add(observation)]
    return [*found, *selector.rest()]


def selector(card=CARD, budget=None):
    return FrameSelector(card, FrameClock(True), budget or Budget(), seed=5)


def test_of_a_moment_the_most_informative_frame_is_chosen():
    tops = [0.99, 0.7, 0.55, 0.65] + [0.99] * 30 + [0.6] + [0.99] * 20
    found = chosen(selector(), [classified(i, top, 1 - top, 0) for i, top in enumerate(tops)])
    assert [(one.frame.index, one.reason) for one in found] == [(2, "uncertain"), (34, "uncertain")]
    assert found[0].informative > found[1].informative > LEAST


def test_a_frame_is_drawn_by_lot_from_each_five_minutes():
    frames = [classified(i, 1.0, 0.0, 0.0, at=100.0 + i) for i in range(int(10 * RANDOM_EVERY))]
    found = chosen(selector(), frames)
    assert {one.reason for one in found} == {"random"}
    assert 9 <= len(found) <= 10
    blocks = [int((one.at - 100) // RANDOM_EVERY) for one in found]
    assert blocks == sorted(set(blocks))


def test_an_object_whose_class_changes_is_chosen():
    found = chosen(selector(DETECTOR), [tracked(i, (7, int(i >= 6)), (8, 0)) for i in range(20)])
    assert [(one.frame.index, one.reason) for one in found] == [(6, "changed")]


def test_objects_that_keep_their_class_and_new_ones_are_no_change():
    changes = ChangedResults()
    frames = [tracked(i, *([(7, 0)] if i % 3 else []), (100 + i, i % 2)) for i in range(50)]
    assert not any(changes(frame, float(i)) for i, frame in enumerate(frames))


def test_a_label_that_comes_and_goes_is_chosen_as_it_was():
    labels = [0] * 30 + [1] * 3 + [0] * 30 + [1] * 60 + [0] * 30
    rows = np.eye(3, dtype=np.float32)
    found = chosen(selector(), [classified(i, *rows[label]) for i, label in enumerate(labels)])
    assert [(one.frame.index, one.reason) for one in found] == [(30, "changed")]
    photos = [classified(i, *rows[label], name=f"{i}.jpg") for i, label in enumerate(labels)]
    assert chosen(selector(), photos) == [], "each photo shows another scene"


def test_the_fewer_may_still_be_collected_the_more_informative_they_must_be():
    budget = Budget()
    least = []
    while (now := budget.least(0.0)) <= 1:
        least.append(now)
        assert budget.spend(0.0)
    assert len(least) == BURST
    assert least == sorted(least)
    assert (least[0], least[-1]) == (LEAST, 0.9)
    assert not budget.spend(59.0)
    assert budget.spend(60.0)
    assert not budget.spend(119.0)
    assert budget.spend(120.0)
    assert budget.least(1e6) == LEAST, "it is full again"


def test_nothing_is_chosen_when_the_budget_is_spent():
    budget = Budget()
    while budget.spend(10.0):
        pass
    assert chosen(selector(budget=budget), [classified(i, 0.5, 0.5, 0) for i in range(60)]) == []
