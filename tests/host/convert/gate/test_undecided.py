"""The gate knows what its photos can show: drops have intervals, and answers without labels decide in between."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from simulate_gate import CARD, LABELS, Classifiers, Detectors, acceptance

from edgetl import schema
from edgetl.host.convert.gate.expected_drop import box_errors, compare_boxes, compare_scores
from edgetl.host.convert.gate.measure_boxes import BoxReference
from edgetl.host.convert.gate.measure_scores import measure_scores
from edgetl.host.convert.gate.more_photos import as_frame, changed_copies, joined
from edgetl.host.convert.gate.refusal import gate_margin, measure_until_decided, refusal_reasons
from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation
from edgetl.host.evaluate.top1 import Evaluation
from edgetl.host.evaluate.top1_interval import top1_drop_interval
from edgetl.manifest import Interval, Measurement, Unlabelled
from edgetl.target import Gate

INT8 = "static_wi8_ai8"


@pytest.mark.parametrize("photos", [40, 200, 1000])
@pytest.mark.parametrize("pairs", [Classifiers(), Classifiers(confidence=1.5)], ids=["calibrated", "too sure"])
def test_harmless_classifiers_pass_and_lossy_ones_do_not(pairs, photos):
    assert acceptance(pairs, photos, 0.0, 100) >= 0.95
    assert acceptance(pairs, photos, 0.05, 100) <= 0.01


def test_harmless_detectors_pass_and_lossy_ones_do_not():
    assert acceptance(Detectors(), 40, 0.0, 4) == 1
    assert acceptance(Detectors(), 200, 0.05, 2) == 0


@pytest.mark.slow
@pytest.mark.parametrize("photos", [40, 200])
def test_harmless_detectors_pass_and_lossy_ones_do_not_in_many_draws(photos):
    assert acceptance(Detectors(), photos, 0.0, 100) >= 0.95
    assert acceptance(Detectors(), photos, 0.05, 100) <= 0.01


def boxes(count, seed=0):
    """True boxes in 40 photos and a detector that finds them all but for a few pixels, `count` boxes a photo."""
    rng = np.random.default_rng(seed)
    truths, founds = [], []
    for _ in range(40):
        corner = rng.uniform(0, 200, (count, 2))
        box = np.concatenate([corner, corner + rng.uniform(40, 110, (count, 2))], axis=1).astype(np.float32)
        kind = rng.integers(0, len(CARD.labels), count)
        truths.append(Truth(box, kind, np.zeros(count, bool), (320, 320)))
        score = np.sort(rng.uniform(0.5, 1, count).astype(np.float32))[::-1]
        founds.append(Found(box + rng.normal(0, 1, box.shape).astype(np.float32), score, kind))
    return truths, founds


def test_one_box_of_forty_photos_does_not_refuse_a_float16_file():
    """The file of a real conversion: higher mAP, every clear box the same, mAP50 lower by 1.1 points for one box."""
    truths, keras = boxes(2)
    weak = Found(truths[0].xyxy[:1], np.array([0.06], np.float32), truths[0].class_id[:1])
    keras[0] = Found(
        np.concatenate([keras[0].xyxy[1:], weak.xyxy]),
        np.append(keras[0].score[1:], weak.score),
        keras[0].class_id[[1, 0]],
    )
    closer = [
        Found(f.xyxy + (t.xyxy - f.xyxy) / 4, f.score - 0.009, f.class_id)
        for t, f in zip(truths[1:], keras[1:], strict=True)
    ]
    variant = [Found(keras[0].xyxy[:1], keras[0].score[:1], keras[0].class_id[:1]), *closer]
    reference = BoxReference(CARD, DetectionEvaluation(CARD.labels, truths, keras))
    measured = reference.measure(variant, 1.0)
    assert measured.accuracy_drop < 0 < 0.01 < measured.metrics["map50_drop"] < 0.025
    assert (measured.agreement, measured.max_score_difference) == (1.0, pytest.approx(0.009, abs=1e-4))
    assert refusal_reasons(replace(measured, intervals={}), Gate(), "float16", "detection"), "refused without intervals"
    settled = measure_until_decided(measured, Gate(), "float16", "detection", lambda same: same)
    assert refusal_reasons(settled, Gate(), "float16", "detection") == ""
    assert gate_margin(settled, Gate(), "detection") >= 0
    assert settled.undecided["map50_drop"] == 0.01


MEASURED = Measurement(0.9, 0.02, "disc", 0.0, 0.97, 0.1, 1.0)
KNOWN = {"accuracy_drop": Interval(-0.01, 0.05), "agreement": Interval(0.97, 0.99)}


@pytest.mark.parametrize(
    ("drop", "interval", "expected", "reasons"),
    [
        (0.03, (0.011, 0.051), 0.0, "loses 3.0 ± 2.0 points of top-1, 1 is allowed"),
        (0.0, (-0.02, 0.01), 0.5, ""),
        (0.02, (-0.01, 0.05), 0.004, ""),
        (
            0.0,
            (-0.05, 0.05),
            0.0104,
            "loses 1.04 points of top-1 as expected by its answers on 300 photos, 1 is allowed",
        ),
    ],
    ids=["excludes the limit above", "excludes the limit below", "expected below", "expected above"],
)
def test_the_interval_decides_and_in_between_the_answers_do(drop, interval, expected, reasons):
    known = KNOWN | {"accuracy_drop": Interval(*interval)}
    unlabelled = Unlabelled(300, 300, 0.98, expected)
    measured = replace(MEASURED, accuracy_drop=drop, intervals=known, unlabelled=unlabelled)
    assert refusal_reasons(measured, Gate(), INT8, "classification") == reasons
    assert (gate_margin(measured, Gate(), "classification") < 0) == bool(reasons)


def test_more_photos_are_measured_only_if_they_can_decide():
    asked = []

    def more(measured):
        asked.append(measured)
        return measured

    unlabelled = Unlabelled(40, 40, 0.97, 0.0)
    unsure = replace(MEASURED, intervals=KNOWN, unlabelled=unlabelled)
    assert measure_until_decided(unsure, Gate(), INT8, "classification", more).undecided == {"accuracy_drop": 0.01}
    assert len(asked) == 1
    lost = replace(unsure, intervals=KNOWN | {"agreement": Interval(0.8, 0.95)}, agreement=0.9)
    broken = replace(unsure, metrics={"constant": 1.0})
    same = replace(unsure, agreement=1.0, max_score_difference=1e-6)
    for measured in (lost, broken, same, replace(unsure, intervals={})):
        measure_until_decided(measured, Gate(), INT8, "classification", more)
    assert len(asked) == 1


def test_an_answer_costs_what_keras_was_sure_of():
    keras = np.array([[0.5, 0.45, 0.05], [0.9, 0.1, 0], [0.2, 0.2, 0.6], [1, 0, 0]], np.float32)
    variant = keras[[0, 0, 2, 3]].copy()
    variant[0] = [0.4, 0.6, 0]
    variant[1] = [0.1, 0.9, 0]
    found = compare_scores(keras, variant)
    assert (found.photos, found.answers, found.agreement) == (4, 4, 0.5)
    assert found.expected_drop == pytest.approx((0.05 + 0.8) / 4)


def test_boxes_cost_what_they_no_longer_reach():
    truths, keras = boxes(2)
    errors = box_errors(truths, keras)
    assert np.abs(errors).max() < 0.15
    assert errors.shape[1] == 4
    assert box_errors(truths, [Found(f.xyxy[:0], f.score[:0], f.class_id[:0]) for f in keras]).tolist() == [[0] * 4]
    same = compare_boxes(keras, keras, CARD, errors)
    assert (same.agreement, same.expected_drop, same.expected_map50_drop) == (1, 0, 0)
    half = [Found(f.xyxy[:1], f.score[:1], f.class_id[:1]) for f in keras]
    assert compare_boxes(keras, half, CARD, errors).expected_map50_drop == pytest.approx(0.5)
    aside = [Found(f.xyxy + 4, f.score, f.class_id) for f in keras]
    moved = compare_boxes(keras, aside, CARD, errors)
    assert 0.1 < moved.expected_drop < 0.6
    assert moved.expected_map50_drop < 0.01
    evaluations = [DetectionEvaluation(CARD.labels, truths, found) for found in (keras, aside)]
    assert moved.expected_drop == pytest.approx(evaluations[0].map - evaluations[1].map, abs=0.1)


def test_the_interval_of_a_drop_of_top1_is_paired_and_never_certain():
    right, none = np.ones(40, bool), top1_drop_interval(np.ones(40, bool), np.ones(40, bool))
    assert none[0] == pytest.approx(-none[1])
    assert 0.03 < none[1] < 0.075, "three of forty photos could differ"
    one = right.copy()
    one[0] = False
    assert top1_drop_interval(right, one)[0] < 0 < 0.025 < top1_drop_interval(right, one)[1]
    few, many = (top1_drop_interval(np.arange(n) % 10 > 0, np.arange(n) % 10 > 1) for n in (100, 1000))
    assert few[0] < many[0] < 0.1 < many[1] < few[1]


def test_the_figures_of_a_measurement_survive_the_manifest():
    truth = np.arange(40) % 6
    scores = np.eye(6, dtype=np.float32)[truth]
    measured = replace(measure_scores(Evaluation(LABELS, truth, scores), scores, 1.0), undecided={"agreement": 0.96})
    assert set(measured.intervals) == {"accuracy_drop", "agreement"}
    written = json.dumps(schema.document(measured), allow_nan=False)
    assert schema.parse(Measurement, json.loads(written)) == measured


class Train:
    """Five training photos whose pixels tell them apart."""

    classes = np.zeros(5, np.int64)

    def __len__(self):
        return 5

    def batch(self, positions):
        pixels = np.full((5, 4, 6, 3), 100, np.uint8)
        pixels[:, :, 0] = 200
        return pixels[positions]


def test_copies_of_photos_are_changed_and_repeat_for_a_seed():
    copies = changed_copies(Train(), 12)
    assert copies.shape == (12, 4, 6, 3)
    assert np.array_equal(copies, changed_copies(Train(), 12))
    sides = {"left" if copy[0, 0, 0] > copy[0, 5, 0] else "right" for copy in copies}
    assert sides == {"left", "right"}
    assert len({int(copy[0, 2, 0]) for copy in copies}) > 6
    assert changed_copies(Train(), 0).shape == (0, 4, 6, 3)
    assert np.array_equal(as_frame(copies[0], "rgb")[..., ::-1], copies[0])


def test_two_comparisons_count_by_their_answers():
    both = joined(Unlabelled(40, 40, 1.0, 0.0, 0.02), Unlabelled(260, 360, 0.9, 0.01, 0.0))
    assert (both.photos, both.answers, both.agreement) == (300, 400, pytest.approx(0.91))
    assert (both.expected_drop, both.expected_map50_drop) == (pytest.approx(0.009), pytest.approx(0.002))
