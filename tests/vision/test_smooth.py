from __future__ import annotations

import numpy as np
import pytest

from edgetl.vision.results import Classification
from edgetl.vision.smooth import Smoother

IDS = {"bolt": 0, "nut": 1, "washer": 2}


def says(*labels, score=0.8):
    ids = [IDS[label] for label in labels]
    return Classification(np.array(ids, np.int64), np.full(len(ids), score, np.float32), labels)


def labels(smoother, *results):
    return [result.labels[0] if result.labels else None for result in map(smoother, results)]


def test_single_wrong_frames_are_outvoted():
    told = ["bolt", "bolt", "bolt", "nut", "bolt", "nut", "bolt", "bolt"]
    assert labels(Smoother(5), *(says(label) for label in told)) == ["bolt"] * 8


@pytest.mark.parametrize("frames", [2, 3, 4, 5, 10, 31])
def test_change_of_scene_comes_through_within_as_many_frames(frames):
    smoother = Smoother(frames)
    before = labels(smoother, *[says("bolt", score=1.0)] * (2 * frames))
    after = labels(smoother, *[says("nut", score=0.4)] * frames)
    assert before == ["bolt"] * 2 * frames
    assert after.index("nut") == frames // 2
    assert after[-1] == "nut"


def test_label_stays_while_another_is_seen_just_as_often():
    told = ["bolt", "nut"] * 10
    assert set(labels(Smoother(4), *(says(label) for label in told))) == {"bolt"}


def test_one_frame_changes_nothing():
    smoother = Smoother(1)
    assert labels(smoother, says("bolt"), says("nut"), says()) == ["bolt", "nut", None]


def test_nothing_known_has_a_vote():
    smoother = Smoother(3)
    assert labels(smoother, says("bolt"), says("bolt"), says(), says(), says("bolt")) == ["bolt"] * 3 + [None] * 2


def test_score_is_the_mean_where_the_class_was_named():
    smoother = Smoother(3)
    for score in (0.9, 0.6):
        smoother(says("bolt", score=score))
    result = smoother(says("nut"))
    assert result.labels == ("bolt",)
    assert result.score.tolist() == pytest.approx([0.75])
    assert (result.score.dtype, result.class_id.dtype) == (np.float32, np.int64)


def test_as_many_classes_as_one_result_has():
    smoother = Smoother(3)
    smoother(says("bolt", "nut"))
    result = smoother(says("bolt", "washer"))
    assert result.labels[0] == "bolt"
    assert len(result) == 2
    assert result.class_id.tolist() == [IDS[label] for label in result.labels]
