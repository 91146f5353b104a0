from __future__ import annotations

import math

import numpy as np
import pytest

from edgetl import ResultFilter
from edgetl.errors import UsageError
from edgetl.vision.filter import class_thresholds, reaches

LABELS = ("red", "green", "blue")


def test_columns_of_the_wanted_classes():
    assert ResultFilter().columns(LABELS) is None
    assert ResultFilter(classes=("blue", "red")).columns(LABELS) == (2, 0)


def test_a_class_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(UsageError, match="no class 'Red'") as caught:
        ResultFilter(classes=("red", "Red")).columns(LABELS)
    assert caught.value.remedy == "choose from red, green, blue"
    with pytest.raises(UsageError) as caught:
        ResultFilter(classes=("x",)).columns([str(i) for i in range(1000)])
    assert caught.value.remedy.endswith("18, 19, …")


@pytest.mark.parametrize(
    "wrong",
    [{"threshold": 1.1}, {"threshold": -0.1}, {"threshold": math.nan}, {"iou": 2}, {"top_k": 0}, {"max_det": 0}],
    ids=str,
)
def test_numbers_out_of_their_range_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(UsageError, match=f"^{name} is {wrong[name]}"):
        ResultFilter(**wrong)


def test_one_threshold_holds_for_every_class():
    assert class_thresholds((0.3,), 3).tolist() == pytest.approx([0.3, 0.3, 0.3])
    assert class_thresholds((0.1, 0.2), 2).tolist() == pytest.approx([0.1, 0.2])


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.7, 0.9, 0.95])
def test_a_score_that_equals_its_threshold_reaches_it(threshold):
    score, class_id = np.array([threshold, np.nan, 0.0], np.float32), np.array([1, 1, 0])
    assert reaches(score, class_id, class_thresholds((1.0, threshold), 2)).tolist() == [True, False, False]
