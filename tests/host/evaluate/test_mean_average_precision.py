"""A detector's figures, on cases that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.evaluate.detector_mistakes import find_mistakes
from edgetl.host.evaluate.match_truth import match_truth
from edgetl.host.evaluate.mean_average_precision import Curve, DetectionEvaluation

LABELS = ("ace", "king")


def truth(*rows, ignore=()):
    """The true boxes of a photo, from rows of (class, x1, y1, x2, y2)."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    flags = np.isin(np.arange(len(table)), ignore)
    return Truth(table[:, 1:], table[:, 0].astype(np.int64), flags, (200, 100))


def found(*rows):
    """The found boxes of a photo, from rows of (class, score, x1, y1, x2, y2)."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Found(table[:, 2:], table[:, 1], table[:, 0].astype(np.int64))


def figures(truths, founds):
    return DetectionEvaluation(LABELS, truths, founds)


def test_map_is_one_if_all_boxes_are_right():
    result = figures(
        [truth((0, 10, 10, 50, 50), (1, 60, 10, 190, 90)), truth()],
        [found((0, 0.9, 10, 10, 50, 50), (1, 0.8, 60, 10, 190, 90)), found()],
    )
    assert (result.map, result.map50) == (pytest.approx(1), pytest.approx(1))
    assert result.by_class() == {"ace": (pytest.approx(1),) * 2, "king": (pytest.approx(1),) * 2}
    sizes = result.by_size()
    assert sizes["medium"] == pytest.approx(1)
    assert sizes["large"] == pytest.approx(1)
    assert np.isnan(sizes["small"])


def test_map_is_zero_if_nothing_is_found():
    result = figures([truth((0, 10, 10, 50, 50))], [found()])
    assert (result.map, result.map50) == (0, 0)
    assert np.isnan(result.by_class()["king"][0])
    assert result.thresholds(0.3) == (0.3, 0.3)
    assert result.confusion((0.3, 0.3)).tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_a_box_of_iou_three_quarters_counts_for_half_of_the_ious():
    """0.50, 0.55, 0.60, 0.65 and 0.70 of the ten."""
    result = figures([truth((0, 0, 0, 100, 100))], [found((0, 0.9, 0, 0, 73, 100))])
    assert result.map50 == pytest.approx(1)
    assert result.map == pytest.approx(0.5)


def test_a_false_alarm_above_every_hit_halves_the_precision():
    result = figures([truth((0, 10, 10, 50, 50))], [found((0, 0.9, 100, 10, 150, 50), (0, 0.8, 10, 10, 50, 50))])
    assert result.map50 == pytest.approx(0.5)


def test_difficult_boxes_are_neither_missed_nor_false_alarms():
    result = figures(
        [truth((0, 10, 10, 50, 50), (0, 100, 10, 150, 50), ignore=[1])],
        [found((0, 0.9, 100, 10, 150, 50), (0, 0.8, 10, 10, 50, 50))],
    )
    assert result.map50 == pytest.approx(1)
    assert result.confusion((0.1, 0.1)).sum() == 1


def test_the_threshold_is_where_f1_is_best():
    scores = (0.9, 0.8, 0.7, 0.3, 0.2)
    right = [found((0, s, 10, 10, 50, 50)) for s in scores[:3]]
    wrong = [found((0, s, 100, 10, 150, 50)) for s in scores[3:]]
    result = figures([truth((0, 10, 10, 50, 50))] * 3 + [truth()] * 2, right + wrong)
    ace, king = result.thresholds(0.25)
    assert ace == pytest.approx(0.5, abs=1e-3)
    assert king == 0.25
    curve = result.curves()[0]
    np.testing.assert_allclose(curve.recall, [1 / 3, 2 / 3, 1, 1, 1])
    np.testing.assert_allclose(curve.precision, [1, 1, 1, 3 / 4, 3 / 5])
    assert result.confusion((ace, king)).tolist() == [[3, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_confusion_separates_wrong_classes_missed_boxes_and_false_alarms():
    result = figures(
        [truth((0, 10, 10, 50, 50), (1, 100, 10, 150, 50))],
        [found((1, 0.9, 10, 10, 50, 50), (0, 0.8, 160, 60, 190, 90))],
    )
    assert result.confusion((0.5, 0.5)).tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]


def test_each_true_box_is_found_once():
    boxes = np.array([[10, 10, 50, 50], [11, 11, 51, 51]], np.float32)
    assert match_truth(boxes[:1], boxes, np.array([0.5, 0.9], np.float32)) == [(0, 1)]


def test_a_curve_without_hits_has_no_threshold():
    none = Curve(np.array([0.9]), np.array([0.0]), np.array([0.0]))
    assert none.best_threshold(0.25) == 0.25


def test_a_box_found_inside_a_crowd_is_no_false_alarm():
    result = figures(
        [truth((0, 0, 0, 150, 100), (1, 160, 10, 190, 40), ignore=[0])],
        [
            found(
                *((0, 0.9, x, 10, x + 30, 60) for x in (5, 50, 100)),
                (1, 0.8, 160, 10, 190, 40),
                (0, 0.7, 140, 0, 199, 90),
            )
        ],
    )
    assert result.confusion((0.5,)).tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 0]]
    wrong = find_mistakes(result, (0.5,))
    assert [(m.box, m.reason) for m in wrong.alarms] == [(4, "beside king, IoU 0.17")]
    assert wrong.misses == []
