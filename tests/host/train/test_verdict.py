"""The verdict says what a model is good enough for, and the one thing to do next."""

from dataclasses import replace

import numpy as np
import pytest
from test_advice import FACTS

from edgetl.host.evaluate.classifier_tables import confidence_interval
from edgetl.host.evaluate.detector_tables import DetectorRow
from edgetl.host.evaluate.top1 import Evaluation
from edgetl.host.probe.folds import Estimate
from edgetl.host.probe.photo_review import ClassGain, PhotoReview, SuspectPhoto
from edgetl.host.train.advice import advise
from edgetl.host.train.verdict import judge_classifier, judge_detector

REVIEW = PhotoReview(
    gain=Estimate(0.03, 0.01, 0.05), class_gains=(ClassGain("nut", 80, 0.5, 0.1), ClassGain("bolt", 90, 0.9, 0))
)
WRONG = tuple(SuspectPhoto(f"{n}.jpg", "train", "nut", "bolt", "looks like another class", 0.0, 1.0) for n in range(9))
GOOD = replace(FACTS, value=0.9, interval=(0.87, 0.92), on_training=0.93, rows=FACTS.rows[:3] * 2, epochs=9)


def judged(facts=GOOD, right=0.9, confident=0.97):
    truth = np.arange(200) % 2
    predicted = np.where(np.arange(200) < 200 * right, truth, 1 - truth)
    scores = np.where(predicted == truth, confident, 0.6)
    table = np.where(np.eye(2)[predicted] > 0, scores[:, None], 1 - scores[:, None])
    return judge_classifier(facts, Evaluation(("bolt", "nut"), truth, table.astype(np.float32)))


def test_the_use_follows_from_how_often_it_is_right():
    assert "act on its own: about 1 answer in 25" in judged(replace(GOOD, value=0.96, interval=(0.951, 0.97))).judgement
    assert "assist" in judged().judgement
    assert "With a display threshold of 0.7 it answers for 90% of the photos, and 100%" in judged().judgement
    assert "rough sorting" in judged(replace(GOOD, value=0.7, interval=(0.66, 0.74))).judgement
    assert "not better than always answering" in judged(replace(GOOD, value=0.5, interval=(0.43, 0.57))).judgement


def test_few_validation_photos_prove_little():
    truth = np.arange(10) % 2
    evaluation = Evaluation(("bolt", "nut"), truth, np.eye(2, dtype=np.float32)[truth])
    found = judge_classifier(replace(GOOD, value=1.0, interval=confidence_interval(1.0, 10), photos=10), evaluation)
    assert found.judgement.startswith("Good enough for a rough sorting")
    assert "all 10 validation photos, but up to 27.8% of its answers to others may be wrong" in found.judgement
    assert "fewer than 1 answer in 200 is wrong" in judged(replace(GOOD, value=1.0, interval=(0.996, 1))).judgement
    found = judged(replace(GOOD, value=0.53, interval=(0.47, 0.6)))
    assert "too few validation photos to tell whether it is better than always answering" in found.judgement
    found = judged(replace(GOOD, value=0.9, interval=(0.7, 0.95)))
    assert "about 1 answer in 10 is wrong, but up to 30.0% may be" in found.judgement


def test_a_good_model_of_a_common_class_is_not_called_useless():
    truth = (np.arange(200) < 10).astype(int)
    evaluation = Evaluation(("bolt", "nut"), truth, np.eye(2, dtype=np.float32)[truth])
    found = judge_classifier(replace(GOOD, value=0.97, interval=confidence_interval(0.97, 200)), evaluation)
    assert "Not usable" not in found.judgement
    assert "too few validation photos" in found.judgement


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({}, "Convert it"),
        ({"review": REVIEW}, "Take more photos of nut first: twice as many should bring about +3 points"),
        (
            {"review": replace(REVIEW, suspects=WRONG, reviewed=500)},
            "Check the first photos of suspects.csv",
        ),
        ({"review": replace(REVIEW, suspects=WRONG[:2], reviewed=500)}, "Take more photos"),
        ({"review": replace(REVIEW, gain=Estimate(0.002, 0, 0.01))}, "Convert it"),
        ({"rows": FACTS.rows, "epochs": 3, "best": 3}, "Train with more --epochs"),
        ({"on_training": 0.75}, "Train a larger network"),
        ({"interval": (0.8, 0.95)}, "Take more photos to validate with"),
    ],
)
def test_the_next_step_is_the_first_that_applies(changes, step):
    assert judged(replace(GOOD, **changes)).next_step.startswith(step)


def test_a_detector_is_judged_at_its_display_thresholds():
    rows = [DetectorRow("ace", 0.9, 0.8, 30, 0.5, 0.9, 0.4), DetectorRow("king", 0.9, 1.0, 10, 0.5, 0.9, 0.4)]
    found = judge_detector(replace(GOOD, figure="mAP"), rows)
    assert "finds 85% of the objects, and about 90% of its boxes are right" in found.judgement
    nothing = [
        DetectorRow("ace", float("nan"), 0.0, 30, 0.0, 0.0, 0.4),
        DetectorRow("king", float("nan"), 0.0, 0, 0.0, 0.0, 0.4),
    ]
    assert "finds nothing" in judge_detector(GOOD, nothing).judgement


def test_the_advice_names_gain_and_suspects_once():
    text = " ".join(advise(replace(GOOD, counts={"nut": 9}, review=replace(REVIEW, suspects=WRONG, reviewed=500))))
    assert "Twice the photos should bring about +3 points (1 to 5). Most would gain: nut." in text
    assert "9 labels look clearly wrong: check the first ones of suspects.csv" in text
    assert "Few training photos" not in text
