"""The demo counts the parts of its film that were recognised rightly."""

from __future__ import annotations

import numpy as np
import pytest

from edgetl.device.camera.frame import Frame
from edgetl.device.observation import Observation
from edgetl.device.stages import Timings
from edgetl.host.demo.classification import PassingParts
from edgetl.host.demo.detection import BoxedParts
from edgetl.host.demo.draw import Placed
from edgetl.vision.results import Classification, Detections

NUT = Placed("nut", (10, 10, 50, 50))
BOLT = Placed("bolt", (100, 20, 160, 60))


def observed(index, result):
    return Observation(Frame(np.zeros((2, 2, 3), np.uint8), 0.0, index), result, Timings(), 0.0)


def named(*labels):
    return Classification(np.arange(len(labels)), np.full(len(labels), 0.9, np.float32), labels)


def boxed(*found):
    """Detections of (label, xyxy)."""
    xyxy = np.array([box for _, box in found], np.float32).reshape(-1, 4)
    scores = np.linspace(0.9, 0.5, len(found), dtype=np.float32)
    return Detections(xyxy, scores, np.zeros(len(found), np.int64), tuple(label for label, _ in found), (640, 480))


def counts(check):
    right, _, of, *_ = str(check).split()
    return int(right), int(of)


def test_a_classifier_is_checked_when_a_part_is_in_the_middle():
    check = PassingParts([(1, "nut"), (3, "bolt"), (5, "nut")])
    for index, result in enumerate([named("bolt"), named("nut"), named(), named("nut", "bolt"), named("nut"), named()]):
        check(observed(index, result))
    assert counts(check) == (1, 3)


def test_a_run_that_ended_early_is_checked_on_the_frames_it_had():
    passing, in_sight = PassingParts([(0, "nut"), (9, "bolt")]), BoxedParts([[NUT], [NUT, BOLT]])
    passing(observed(0, named("nut")))
    in_sight(observed(0, boxed(("nut", NUT.xyxy))))
    assert counts(passing) == counts(in_sight) == (1, 1)


@pytest.mark.parametrize(
    ("found", "right"),
    [
        ([("nut", NUT.xyxy), ("bolt", BOLT.xyxy)], 2),
        ([("bolt", BOLT.xyxy)], 1),
        ([], 0),
        ([("bolt", NUT.xyxy), ("nut", BOLT.xyxy)], 0),
        ([("nut", NUT.xyxy), ("nut", NUT.xyxy), ("nut", (11, 11, 50, 50))], 1),
        ([("nut", (10, 10, 50, 31))], 1),
        ([("nut", (10, 10, 50, 29))], 0),
    ],
    ids=["all", "one missed", "none", "classes swapped", "boxed twice", "half of it", "less than half"],
)
def test_a_part_counts_once_if_a_box_of_its_class_covers_it(found, right):
    check = BoxedParts([[], [NUT, BOLT]])
    check(observed(0, boxed(("nut", NUT.xyxy))))
    check(observed(1, boxed(*found)))
    assert counts(check) == (right, 2)
