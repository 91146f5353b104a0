"""Replayed boxes are compared with the expected ones; the thresholds of 0.4 are halved for golden photos."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.device.verify.compare_golden import compare_scores
from edgetl.device.verify.compare_golden_boxes import BOX_TOLERANCES, compare_boxes
from edgetl.golden import GoldenBox, GoldenBoxes, golden_card
from edgetl.vision.results import Detections

CARD = ModelCard("cards", "detection", ("ace", "king"), InputSpec(96, 96), DetectorDecoding((8,), (0.4,)))
ACE = (0, 0.9, 10, 10, 110, 110)
KING = (1, 0.6, 200, 20, 280, 120)
SHIFTED = (0, 0.9, 40, 10, 140, 110)
"""A box that overlaps with `ACE` at an IoU of 0.54."""


def found(*rows):
    table = np.array(sorted(rows, key=lambda row: -row[1]), np.float32).reshape(-1, 6)
    classes = table[:, 0].astype(np.int64)
    return Detections(table[:, 2:], table[:, 1], classes, tuple(CARD.labels[c] for c in classes), (320, 240))


def golden(*rows, suppressed=()):
    def kept(rows):
        return tuple(GoldenBox(int(row[0]), row[1], tuple(map(float, row[2:]))) for row in rows)

    return GoldenBoxes(kept(rows), kept(suppressed))


def judged(rows, expected, recipe="static_wi8_ai8"):
    return compare_boxes("a", recipe, [found(*rows)], [expected], CARD)


def scored(box, score):
    return (box[0], score, *box[2:])


def test_equal_boxes_pass():
    report = judged([ACE, KING], golden(ACE, KING))
    assert (report.ok, report.boxes, report.photos, report.changed) == (True, 2, 1, 0)
    assert report.max_difference == pytest.approx(0, abs=1e-6)
    assert "1 photo, 2 boxes, differs by 0.00000 (allowed 0.07000)" in str(report)
    assert report.to_dict()["boxes"] == 2


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([ACE], "1 of 2 boxes have no partner"),
        ([], "2 of 2 boxes have no partner"),
        ([ACE, KING, (0, 0.5, 150, 150, 200, 200)], "1 of 3 boxes were not expected"),
        ([SHIFTED, KING], "1 of 2 boxes have no partner, 1 of 2 boxes were not expected"),
        ([ACE, (0, *KING[1:])], "1 of 2 boxes have no partner, 1 of 2 boxes were not expected"),
        ([ACE, scored(KING, 0.52)], "the scores of 1 of 2 boxes drifted"),
        ([ACE, scored(KING, float("nan"))], "the scores of 1 of 2 boxes drifted"),
        ([ACE, KING, (0, float("nan"), 150, 150, 200, 200)], "1 of 3 boxes were not expected"),
    ],
)
def test_the_reason_names_the_kind_of_drift(rows, says):
    report = judged(rows, golden(ACE, KING))
    assert (report.ok, report.reason) == (False, says)


def test_a_score_may_move_only_within_the_recipes_tolerance():
    moved = [ACE, scored(KING, 0.59)]
    assert judged(moved, golden(ACE, KING), "static_wi8_ai8").ok
    assert judged(moved, golden(ACE, KING), "float16").ok
    assert not judged(moved, golden(ACE, KING), "float32").ok
    assert judged(moved, golden(ACE, KING), "new").tolerance == min(BOX_TOLERANCES.values())
    assert judged([ACE, scored(KING, 0.67)], golden(ACE, KING)).ok


def test_a_box_near_the_threshold_may_appear_or_disappear():
    least = golden_card(CARD).detector.thresholds[0]
    assert least == 0.2
    faint = (0, 0.25, 150, 150, 200, 200)
    assert judged([ACE], golden(ACE, faint)).ok
    assert judged([ACE, faint], golden(ACE)).ok
    assert not judged([ACE], golden(ACE, scored(faint, 0.28))).ok
    assert not judged([ACE, scored(faint, 0.28)], golden(ACE)).ok
    assert not judged([ACE], golden(ACE, faint), "float32").ok


def test_another_candidate_with_nearly_the_same_score_may_remain():
    close = scored(SHIFTED, 0.86)
    assert judged([close, KING], golden(ACE, KING, suppressed=[close])).ok
    assert judged([scored(close, 0.8), KING], golden(ACE, KING, suppressed=[close])).ok
    assert not judged([close, KING], golden(ACE, KING, suppressed=[scored(close, 0.5)])).ok, "its score drifted"
    worse = scored(SHIFTED, 0.7)
    assert not judged([worse, KING], golden(ACE, KING, suppressed=[worse])).ok, "it was no match for the better one"
    assert not judged([close, KING], golden(ACE, KING, suppressed=[(1, *close[1:])])).ok


def test_a_box_that_the_other_candidate_doesnt_suppress_may_appear():
    """The box in the middle suppressed both others; if one of them replaces it, the other one appears as well."""
    left, middle, right = (0, 0.8, 0, 0, 100, 100), (0, 0.82, 30, 0, 130, 100), (0, 0.5, 60, 0, 160, 100)
    assert judged([left, right], golden(middle, suppressed=[left, right])).ok


def test_overlapping_boxes_that_should_be_suppressed_are_drift():
    close = scored(SHIFTED, 0.86)
    report = judged([ACE, close, KING], golden(ACE, KING, suppressed=[close]))
    assert report.reason == "1 of 3 boxes were not expected"


def test_golden_photos_without_boxes_fail():
    report = judged([], golden())
    assert (report.ok, report.reason) == (
        False,
        "no boxes are expected in the golden photos, so the replay proves nothing",
    )
    both = compare_boxes("a", "float32", [found(), found(ACE)], [golden(), golden(ACE)], CARD)
    assert (both.ok, both.photos, both.boxes) == (True, 2, 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("recipe", ["float32", "static_wi8_ai8"])
def test_nan_and_infinite_scores_fail_and_dont_reach_json(value, recipe):
    expected = np.full((2, 3), 1 / 3, np.float32)
    scores = expected.copy()
    scores[1, 2] = value
    for other in (expected, scores):
        report = compare_scores("a", recipe, scores, other)
        assert not report.ok
        json.dumps(report.to_dict(), allow_nan=False)
    boxes = judged([ACE, scored(KING, value)], golden(ACE, KING))
    assert not boxes.ok
    json.dumps(boxes.to_dict(), allow_nan=False)
