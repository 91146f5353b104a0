"""A detector's rows and its mistakes, on cases that can be counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.evaluate.detector_mistakes import find_mistakes
from edgetl.host.evaluate.detector_tables import class_rows, size_rows
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation

LABELS = ("ace", "king")


def truth(*rows, ignore=()):
    table = np.array(rows, np.float32).reshape(-1, 5)
    flags = np.isin(np.arange(len(table)), ignore)
    return Truth(table[:, 1:], table[:, 0].astype(np.int64), flags, (200, 100))


def found(*rows):
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Found(table[:, 2:], table[:, 1], table[:, 0].astype(np.int64))


# Two aces, one found; one ace too many, with a lower score; no king.
ACES = DetectionEvaluation(
    LABELS,
    [truth((0, 10, 10, 50, 50), (0, 100, 10, 190, 90))],
    [found((0, 0.9, 10, 10, 50, 50), (0, 0.4, 60, 60, 90, 90))],
)


def test_a_class_at_its_threshold():
    ace, king = class_rows(ACES, (0.3, 0.3))
    assert (ace.label, ace.boxes, ace.threshold) == ("ace", 2, 0.3)
    assert (ace.precision, ace.recall, ace.f1) == (0.5, 0.5, 0.5)
    assert class_rows(ACES, (0.5,))[0].precision == 1
    assert (ace.ap, ace.ap50) == ACES.by_class()["ace"]
    assert king.boxes == 0
    assert all(map(math.isnan, (king.ap, king.ap50, king.precision, king.recall, king.f1)))


def test_a_score_at_the_threshold_counts_in_every_table():
    """As a float32, 0.7 is below the number of that name, and the device rounds it in the same way."""
    result = DetectionEvaluation(LABELS, [truth((0, 10, 10, 50, 50))], [found((0, 0.7, 10, 10, 50, 50))])
    ace = class_rows(result, (0.7, 0.7))[0]
    assert (ace.precision, ace.recall) == (1, 1)
    assert result.confusion((0.7, 0.7)).tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert not find_mistakes(result, (0.7, 0.7)).misses


def test_nothing_above_the_threshold_is_a_recall_of_zero():
    ace = class_rows(ACES, (0.95,))[0]
    assert math.isnan(ace.precision)
    assert (ace.recall, ace.f1) == (0, 0)


def test_ignored_boxes_have_no_size():
    result = DetectionEvaluation(
        LABELS, [truth((0, 0, 0, 10, 10), (0, 0, 0, 50, 50), (1, 0, 0, 96, 96), (1, 0, 0, 9, 9), ignore=[3])], [found()]
    )
    assert [(row.size, row.boxes) for row in size_rows(result)] == [("small", 1), ("medium", 1), ("large", 1)]
    assert [(row.size, row.boxes) for row in size_rows(DetectionEvaluation(LABELS, [truth()], [found()]))] == [
        ("small", 0),
        ("medium", 0),
        ("large", 0),
    ]


def test_a_box_whose_area_equals_a_bound_counts_once():
    result = DetectionEvaluation(LABELS, [truth((0, 0, 0, 32, 32))], [found((0, 0.9, 0, 0, 32, 32))])
    small, medium, _ = size_rows(result)
    assert (small.boxes, medium.boxes, medium.map) == (0, 1, pytest.approx(1))
    assert math.isnan(small.map)


def test_the_worst_mistakes_come_first():
    result = DetectionEvaluation(
        LABELS,
        [
            truth((0, 0, 0, 20, 20), (1, 100, 0, 200, 100), (0, 60, 60, 90, 90)),
            truth((0, 0, 0, 50, 50), (1, 100, 50, 150, 100), ignore=[1]),
            truth((0, 0, 0, 10, 10), ignore=[0]),
        ],
        [
            found((1, 0.6, 60, 60, 90, 90), (0, 0.2, 0, 0, 20, 20)),
            found(
                (0, 0.9, 0, 0, 50, 50),
                (0, 0.7, 0, 0, 50, 48),
                (0, 0.8, 0, 30, 40, 70),
                (0, 0.5, 150, 0, 190, 20),
                (0, 0.55, 100, 50, 150, 100),
            ),
            found(),
        ],
    )
    wrong = find_mistakes(result, (0.3,))
    assert [(m.photo, m.box, m.label, m.reason) for m in wrong.misses] == [
        (0, 1, "king", "100 × 100 px"),
        (0, 0, "ace", "20 × 20 px"),
    ]
    assert [(m.photo, m.box, m.label, m.reason) for m in wrong.alarms] == [
        (1, 2, "ace", "beside ace, IoU 0.24"),
        (1, 1, "ace", "one box too many on ace"),
        (0, 0, "king", "really ace"),
        (1, 3, "ace", "nothing is there"),
    ]
    assert [m.weight for m in wrong.alarms] == pytest.approx([0.8, 0.7, 0.6, 0.5])
    confusion = result.confusion((0.3, 0.3))
    assert confusion[:, -1].sum() == len(wrong.misses)
    off_diagonal = confusion[:, :-1].sum() - confusion.diagonal()[:-1].sum()
    assert off_diagonal == len(wrong.alarms)
