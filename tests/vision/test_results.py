from __future__ import annotations

import json
import sys
import types
from dataclasses import replace

import numpy as np
import pytest

from edgetl import Detections, EdgetlError
from edgetl.vision.draw import draw


def found(*labels, names=("king", "queen", "ace")):
    count = len(labels)
    boxes = np.array([[10.123, 20, 30, 60.5]] * count, np.float32).reshape(-1, 4)
    ids = np.array([names.index(label) for label in labels], np.int64)
    return Detections(boxes, np.linspace(0.9, 0.3, count, dtype=np.float32), ids, labels, (100, 80))


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ((), "nothing found"),
        (("king",), "1 king"),
        (("king", "queen", "queen"), "2 queen, 1 king"),
        (("ace", "queen", "king"), "1 king, 1 queen, 1 ace"),
        (("queen", "king", "ace"), "1 king, 1 queen, 1 ace"),
    ],
)
def test_a_result_is_printed_as_counts_of_classes(labels, text):
    assert str(found(*labels)) == text
    assert len(found(*labels)) == len(labels)


def test_a_result_can_be_written_as_json():
    document = found("king", "ace").to_dict()
    assert json.loads(json.dumps(document)) == document
    assert document["task"] == "detection"
    first, second = document["objects"]
    assert first == {
        "label": "king",
        "class_id": 0,
        "score": 0.9,
        "xyxy": [10.12, 20.0, 30.0, 60.5],
        "xyxyn": [0.10123, 0.25, 0.3, 0.75625],
    }
    assert (second["label"], second["class_id"], second["score"]) == ("ace", 2, 0.3)
    assert found().to_dict() == {"task": "detection", "objects": []}


def test_supervision_gets_the_same_boxes_scores_and_classes(monkeypatch):
    class Stand:
        def __init__(self, xyxy, mask=None, confidence=None, class_id=None, tracker_id=None, data=None):
            self.xyxy, self.mask, self.confidence, self.class_id, self.data = xyxy, mask, confidence, class_id, data
            self.tracker_id = tracker_id

    module = types.ModuleType("supervision")
    module.Detections = Stand
    monkeypatch.setitem(sys.modules, "supervision", module)
    ours = found("king", "ace")
    theirs = ours.to_supervision()
    assert (theirs.xyxy == ours.xyxy).all()
    assert (theirs.confidence == ours.score).all()
    assert (theirs.class_id == ours.class_id).all()
    assert theirs.data["class_name"].tolist() == ["king", "ace"]
    assert theirs.tracker_id is None
    assert replace(ours, track=np.array([3, 9])).to_supervision().tracker_id.tolist() == [3, 9]
    assert found().to_supervision().data["class_name"].tolist() == []


def test_take_returns_some_of_the_objects():
    ours = replace(found("king", "ace", "king"), track=np.array([3, 9, 4]))
    some = ours.take(np.array([2, 1]))
    assert (some.labels, some.track.tolist()) == (("king", "ace"), [4, 9])
    assert (some.xyxy == ours.xyxy[[2, 1]]).all()
    assert some.size_wh == ours.size_wh
    assert found("king").take(np.array([], int)).track is None


def test_without_supervision_the_error_has_a_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(EdgetlError, match="supervision") as caught:
        found("king").to_supervision()
    assert "pip install" in caught.value.remedy


def test_classifications_and_detections_can_be_drawn():
    frame = np.zeros((80, 100, 3), np.uint8)
    draw(frame, found("king"))
    assert frame.any()
