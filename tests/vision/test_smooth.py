from __future__ import annotations

import numpy as np
import pytest

from edgetl.vision.results import Classification
from edgetl.vision.smooth import Smoother

IDS = {"bolt": 0, "nut": 1, "washer": 2}


def of(*labels, score=0.8):
    ids = [IDS[label] for label in labels]
    return Classification(np.array(ids, np.int64), np.full(len(ids), score, np.float32), labels)


def labels(smoother, *results):
    return [result.labels[0] if result.labels else None for result in map(smoother, results)]


def test_single_wrong_frames_are_outvoted():
    seen = ["bolt", "bolt", "bolt", "nut", "bolt", "nut", "bolt", "bolt"]
    assert labels(Smoother(5), *(of(label) for label in seen)) == ["bolt"] * 8


@pytest.mark.parametrize("frames", [2, 3, 4, 5, 10, 31])
def test_a_change_of_scene_shows_within_the_number_of_frames(frames):
    smoother = Smoother(frames)
    before = labels(smoother, *[of("bolt", score=1.0)] * (2 * frames))
    after = labels(smoother, *[of("nut", score=0.4)] * frames)
    assert before == ["bolt"] * 2 * frames
    assert after.index("nut") == frames // 2
    assert after[-1] == "nut"


def test_a_label_stays_while_another_is_equally_frequent():
    seen = ["bolt", "nut"] * 10
    assert set(labels(Smoother(4), *(of(label) for label in seen))) == {"bolt"}


def test_one_frame_changes_nothing():
    smoother = Smoother(1)
    assert labels(smoother, of("bolt"), of("nut"), of()) == ["bolt", "nut", None]


def test_an_empty_result_has_a_vote():
    smoother = Smoother(3)
    assert labels(smoother, of("bolt"), of("bolt"), of(), of(), of("bolt")) == ["bolt"] * 3 + [None] * 2


def test_the_score_is_the_mean_of_the_results_that_contain_the_class():
    smoother = Smoother(3)
    for score in (0.9, 0.6):
        smoother(of("bolt", score=score))
    result = smoother(of("nut"))
    assert result.labels == ("bolt",)
    assert result.score.tolist() == pytest.approx([0.75])
    assert (result.score.dtype, result.class_id.dtype) == (np.float32, np.int64)


def test_the_result_has_as_many_classes_as_the_longest_of_the_last_ones():
    smoother = Smoother(3)
    smoother(of("bolt", "nut"))
    result = smoother(of("bolt", "washer"))
    assert result.labels[0] == "bolt"
    assert len(result) == 2
    assert result.class_id.tolist() == [IDS[label] for label in result.labels]
