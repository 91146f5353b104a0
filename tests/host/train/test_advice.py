"""The advice at the end of a training follows from its figures."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from edgetl.host.train.advice import Facts, advise
from edgetl.host.train.best_epoch import BestScore

ROWS = [
    {"stage": "head", "epoch": 40, "val_accuracy": 0.60},
    {"stage": "finetune", "epoch": 1, "val_accuracy": 0.65},
    {"stage": "finetune", "epoch": 2, "val_accuracy": 0.70},
    {"stage": "finetune", "epoch": 3, "val_accuracy": 0.68},
]
FACTS = Facts("top-1", 0.7, (0.66, 0.74), 500, 0.72, {"bolt": 90, "nut": 80}, ROWS, 2, "val_accuracy", 3)


def said(**changes):
    return " ".join(advise(replace(FACTS, **changes)))


def test_the_interval_is_named_and_a_wide_one_explained():
    assert "66.0% and 74.0%" in said(on_training=0.85)
    assert "can't be told apart" not in said()
    wide = said(photos=24, interval=(0.5, 0.85))
    assert "24 photos" in wide
    assert "can't be told apart" in wide
    assert "330 validation photos" in wide


def test_an_interval_of_boxes_in_few_photos_is_called_too_narrow():
    assert "wider" in said(figure="mAP", photos=6, boxes={"card": 30})
    assert "wider" not in said(figure="mAP", photos=60, boxes={"card": 90})
    assert "wider" not in said(photos=6)


def test_overfitting_and_too_little_learning_are_distinguished():
    assert "overfits" in said(on_training=0.97, value=0.67, interval=(0.62, 0.71))
    assert "overfits" not in said(on_training=0.97, value=0.67, interval=(0.4, 0.98), photos=9), "within the error"
    assert "learns too little" in said(on_training=0.6)
    assert "no sign of overfitting" in said(on_training=0.9, value=0.88)
    assert "overfit" not in said(on_training=math.nan)


def test_classes_with_few_photos_are_named():
    assert "bolt 9, nut 20" in said(counts={"nut": 20, "bolt": 9, "cog": 300})
    many = said(counts={f"c{i:02}": i for i in range(30)})
    assert "and 25 more" in many


def test_the_stored_epoch_and_its_stage_are_named():
    assert "epoch 2 of stage finetune: 70.0%" in said()
    assert "head reached 60.0%" in said()
    assert "highest was" not in said()
    assert "highest was 70.0%" in said(best=3)
    head = said(best=0)
    assert "stage head" in head
    assert "gained nothing" in head
    assert "stored weights" not in said(best=-1)


def test_the_reason_for_the_end_is_named():
    assert "all of its 3 epochs" in said()
    assert "stopped after epoch 3 of 60" in said(epochs=60)
    assert "more --epochs can help" in said(best=3)
    assert "more --epochs can help" not in said(best=1)


def test_thresholds_chosen_from_few_boxes_are_called_guesses():
    text = said(figure="mAP", boxes={"card": 5, "coin": 80})
    assert "card 5" in text
    assert "coin" not in text
    assert "guesses" not in said()


@pytest.mark.parametrize("error", [0.0, 0.1])
def test_the_likelihood_decides_between_accuracies_within_their_error(error):
    best = BestScore()
    assert best.update((0.70, -0.9), error)
    assert not best.update((0.70, -1.0), error)
    assert best.update((0.70, -0.8), error)
    assert best.update((0.66, -0.5), error) is (error > 0)
    assert best.update((0.95, -2.0), error), "better by more than the error, however unlikely"
    assert not best.update((0.70, -0.1), error)


def test_small_losses_do_not_add_up():
    best = BestScore()
    for step in range(20):
        best.update((0.8 - 0.05 * step, -1.0 + 0.01 * step), 0.1)
    assert best.best[0] >= 0.7 - 1e-9
