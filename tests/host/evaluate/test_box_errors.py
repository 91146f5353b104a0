"""The errors of edges, on boxes whose errors are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgetl.card import InputSpec
from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.evaluate.box_errors import box_errors

SPEC = InputSpec(100, 100, resize="letterbox")
"""A photo of 400 x 200 is shown at a quarter of its size."""


def truth(*rows, ignore=()):
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Truth(table[:, 1:], table[:, 0].astype(np.int64), np.isin(np.arange(len(table)), ignore), (400, 200))


def found(*rows):
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Found(table[:, 2:], table[:, 1], table[:, 0].astype(np.int64))


def test_errors_have_signs_and_are_in_px_of_the_input():
    errors = box_errors([truth((0, 100, 50, 200, 150))], [found((0, 0.9, 104, 48, 220, 149))], SPEC)
    assert errors.signed.tolist() == [[1.0, -0.5, 5.0, -0.25]]
    group = errors.all()
    assert (group.boxes, group.median) == (1, 0.75)
    assert {edge: error.bias for edge, error in group.edges.items()} == {
        "left": 1.0,
        "top": -0.5,
        "right": 5.0,
        "bottom": -0.25,
    }
    assert math.isnan(group.edges["left"].margin)


def test_a_stretched_photo_has_its_own_scale_in_each_direction():
    spec = InputSpec(100, 100, resize="stretch")
    errors = box_errors([truth((0, 100, 50, 200, 150))], [found((0, 0.9, 104, 54, 204, 154))], spec)
    assert errors.signed.tolist() == [[1.0, 2.0, 1.0, 2.0]]


def test_only_boxes_of_one_class_are_paired_one_to_one_and_the_best_score_chooses_first():
    rows = (0, 0, 0, 80, 80), (0, 8, 0, 88, 80), (1, 200, 0, 280, 80), (0, 300, 100, 340, 140)
    seen = found(
        (0, 0.3, 8, 0, 88, 80),  # takes the second box, because the first is taken
        (0, 0.9, 4, 0, 80, 80),
        (0, 0.8, 200, 0, 280, 80),  # another class
        (0, 0.7, 320, 100, 360, 140),  # an IoU of a third
        (0, 0.2, 0, 0, 80, 80),  # nothing is left for it
    )
    errors = box_errors([truth(*rows)], [seen], SPEC)
    assert errors.true_boxes == 4
    assert errors.signed.tolist() == [[1, 0, 0, 0], [0, 0, 0, 0]]


def test_difficult_boxes_are_left_out():
    rows = (0, 0, 0, 80, 80), (0, 200, 0, 280, 80)
    errors = box_errors([truth(*rows, ignore=(1,))], [found(*((0, 0.9, *row[1:]) for row in rows))], SPEC)
    assert (errors.true_boxes, len(errors.signed)) == (1, 1)


def test_groups_by_size_and_aspect_hold_each_box_once():
    rows = [(0, 0, 0, 30, 30), (0, 40, 0, 60, 50), (0, 100, 0, 230, 120), (0, 250, 0, 350, 190)]
    seen = [(0, 0.9, *(x + shift for x in box)) for shift, (_, *box) in enumerate(rows)]
    errors = box_errors([truth(*rows)], [found(*seen)], SPEC)
    sizes, aspects = errors.by_size(), errors.by_aspect()
    assert [(name, group.boxes) for name, group in sizes.items()] == [("small", 2), ("medium", 0), ("large", 2)]
    assert [(name, group.boxes) for name, group in aspects.items()] == [("tall", 2), ("square", 2), ("wide", 0)]
    assert sizes["large"].edges["left"].bias == pytest.approx(2.5 / 4)
    assert math.isnan(sizes["medium"].median)


def test_the_margin_covers_the_true_bias_in_19_of_20_sets():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(300):
        rows = [(0, 0, 40 * n, 40, 40 * n + 40) for n in range(5)] + [
            (0, 100, 40 * n, 140, 40 * n + 40) for n in range(5)
        ]
        seen = [(0, 0.9, *(np.array(box) + rng.normal(2, 3))) for _, *box in rows]
        left = box_errors([truth(*rows)], [found(*seen)], SPEC).all().edges["left"]
        hits += abs(left.bias - 0.5) < left.margin
    assert 0.88 < hits / 300 < 0.98


def test_nothing_found_and_no_photos():
    for errors in (box_errors([], [], SPEC), box_errors([truth((0, 0, 0, 80, 80))], [found()], SPEC)):
        assert len(errors.signed) == 0
        assert math.isnan(errors.all().median)
        assert errors.to_dict()["edges"]["left"] == {"median": None, "p90": None, "bias": None, "margin": None}
    assert errors.to_text() == "edges of 0 of 1 box: none was found"
