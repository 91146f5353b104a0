"""How informative a frame is: by the model's uncertainty, compared with that on its validation photos."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import CARD, camera_frame, observed

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.device.collect.budget import LEAST
from edgetl.device.collect.informative import InformativeFrames
from edgetl.validation_profile import ValidationProfile
from edgetl.vision.classify import best
from edgetl.vision.results import Detections
from edgetl.vision.shares import BRIGHTNESS_BINS, SCORE_BINS, histogram

LIGHT = histogram([100], BRIGHTNESS_BINS, 256.0)


def profiled(margins, entropies=(0.1, 0.5)):
    shares = histogram(margins, SCORE_BINS), histogram(entropies, SCORE_BINS)
    return replace(CARD, validation=ValidationProfile(10, shares[0], *shares, (1.0, 0, 0, 0), LIGHT))


def classified(*scores):
    array = np.array(scores, np.float32)
    result = best(array, CARD.labels, 1, np.float32(0))
    return replace(observed(camera_frame(0), result), scores=array)


def test_the_smaller_the_margin_the_more_informative_a_frame_is():
    rate = InformativeFrames(CARD)
    rated = [rate(classified(top, 1 - top, 0))[0] for top in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)]
    assert rated == sorted(rated, reverse=True)
    assert rated[0] > 0.9
    assert rated[3] < LEAST
    assert rated[-1] == pytest.approx(0)


def test_a_margin_that_is_usual_on_validation_photos_is_less_informative():
    frame = classified(0.65, 0.35, 0)
    unsure_model, sure_model = (profiled(shown, (0.1, 0.9)) for shown in ([0.1, 0.15, 0.2, 0.25], [0.9, 0.95]))
    assert InformativeFrames(unsure_model)(frame)[0] < 0.6 < 0.8 < InformativeFrames(sure_model)(frame)[0]


def test_scores_spread_as_on_no_validation_photo_look_new():
    rate = InformativeFrames(profiled([0.5, 0.9]))
    assert rate(classified(0.36, 0.33, 0.31))[1] == "new"
    assert rate(classified(0.52, 0.47, 0.01))[1] == "new", "0.7 of the largest entropy is more than 0.5"
    assert InformativeFrames(profiled([0.5, 0.9], [0.2, 0.9]))(classified(0.52, 0.47, 0.01))[1] == "uncertain"
    assert InformativeFrames(CARD)(classified(0.36, 0.33, 0.31))[1] == "new"


def test_without_the_scores_of_all_classes_the_best_one_decides():
    rate = InformativeFrames(CARD)
    low, high = (rate(replace(classified(top, 1 - top, 0), scores=None))[0] for top in (0.5, 0.95))
    assert low > 0.9 > 0.2 > high


def test_an_objects_score_counts_against_those_of_the_validation_photos():
    shares = histogram([0.5, 0.6, 0.7, 0.8], SCORE_BINS)
    profile = ValidationProfile(10, shares, (), (), (0.5, 0.5), LIGHT)
    card = ModelCard("p", "detection", ("bolt",), InputSpec(32, 32), DetectorDecoding(), validation=profile)
    rate = InformativeFrames(card)

    def found(*scores):
        count = len(scores)
        boxes = np.tile(np.array([[1, 1, 9, 9]], np.float32), (count, 1))
        result = Detections(boxes, np.array(scores, np.float32), np.zeros(count, int), ("bolt",) * count, (64, 48))
        return rate(observed(camera_frame(0), result))[0]

    assert found() == 0
    assert found(0.9) < LEAST < found(0.3)
    assert found(0.9, 0.3) == found(0.3), "the least certain object counts"
