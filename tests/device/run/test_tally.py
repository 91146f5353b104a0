from __future__ import annotations

import numpy as np
from fakes import observed

from edgetl.device.camera.frame import Frame
from edgetl.device.run.tally import Tally
from edgetl.vision.results import Classification, Detections

FRAME = Frame(np.zeros((1, 1, 3), np.uint8), 0.0, 0)


def says(*labels, score=0.9):
    return Classification(np.arange(len(labels)), np.full(len(labels), score, np.float32), labels)


def finds(*labels):
    count = len(labels)
    boxes, ids = np.zeros((count, 4), np.float32), np.zeros(count, int)
    return Detections(boxes, np.full(count, 0.9, np.float32), ids, labels, (1, 1))


def test_a_classifiers_classes_are_counted_by_frames():
    tally = Tally()
    for result in [says("cat", "dog")] * 3 + [says("dog")] * 6 + [says()]:
        tally(observed(FRAME, result))
    _, *rows = str(tally).splitlines()
    assert [row.split() for row in rows] == [
        ["dog", "6", "of", "10", "frames", "(60%)"],
        ["cat", "3", "of", "10", "frames", "(30%)"],
        ["nothing", "in", "1", "of", "10", "frames", "(10%)"],
    ]


def test_a_detectors_classes_are_counted_by_frames_and_objects_at_once():
    tally = Tally()
    for result in (finds("nut", "nut", "bolt"), finds("nut"), finds()):
        tally(observed(FRAME, result))
    nut, bolt = (row for row in str(tally).splitlines() if "at once" in row)
    assert ("2 of 3" in nut, "at most 2" in nut) == (True, True)
    assert ("1 of 3" in bolt, "at most 1" in bolt) == (True, True)


def test_frames_in_which_a_class_was_unsure_are_counted():
    tally = Tally()
    for score in (0.9, 0.4, 0.3):
        tally(observed(FRAME, says("cat", score=score)))
    tally(observed(FRAME, says("dog")))
    cat, dog = (row for row in str(tally).splitlines() if "frames" in row)
    assert ("3 of 4" in cat, "unsure in 2" in cat) == (True, True)
    assert "unsure" not in dog


def test_many_classes_are_cut_and_counted():
    tally = Tally()
    for number in range(1000):
        tally(observed(FRAME, says(f"class {number}")))
    assert len(str(tally).splitlines()) < 30
    assert "980 more classes" in str(tally)


def test_a_single_photo_has_no_summary():
    tally = Tally()
    tally(observed(FRAME, says("cat")))
    assert str(tally) == ""


def test_a_best_class_that_is_less_probable_than_not_is_called_unsure():
    assert "unsure" in str(says("cat", score=0.38))
    assert "unsure" not in str(says("cat", score=0.92))
    assert "unsure" not in str(says())
