"""The card's distribution of a model's answers, and what makes one in a card invalid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgetl.card import ClassifierDecoding, DetectorDecoding, InputSpec, ModelCard
from edgetl.errors import ModelError
from edgetl.host.dataset.boxes.truth import Found
from edgetl.host.dataset.photo_set import PhotoSet
from edgetl.host.evaluate.answer_distribution import brightness, classifier_profile, detector_profile
from edgetl.vision.preprocess import GREY

LABELS = ("bolt", "nut")
CLASSIFIER = ModelCard("parts", "classification", LABELS, InputSpec(4, 4), ClassifierDecoding(threshold=0.6))
DETECTOR = ModelCard("finder", "detection", LABELS, InputSpec(4, 4, resize="letterbox"), DetectorDecoding((8,), (0.5,)))


def photos(*greys):
    pixels = np.stack([np.full((4, 4, 3), grey, np.uint8) for grey in greys])
    return PhotoSet(pixels, np.arange(len(greys)), ())


def test_a_classifiers_answers_are_counted_by_score_margin_class_and_light():
    scores = np.array([(0.97, 0.03), (0.2, 0.8), (0.52, 0.48), (0.98, 0.02)], np.float32)
    profile = classifier_profile(CLASSIFIER, scores, photos(10, 40, 40, 250))
    assert profile.photos == 4
    assert (profile.score[19], profile.score[16], profile.score[10]) == (0.5, 0.25, 0.25)
    assert (profile.margin[0], profile.margin[12], sum(profile.margin[18:])) == (0.25, 0.25, 0.5)
    assert profile.entropy[19] == 0.25
    assert profile.classes == (0.5, 0.25, 0.25), "one photo names no class"
    assert (profile.brightness[0], profile.brightness[1], profile.brightness[7]) == (0.25, 0.5, 0.25)


def test_a_detectors_shown_objects_count():
    def found(*rows):
        ids, scores = np.array(rows, np.float32).reshape(-1, 2).T
        return Found(np.zeros((len(rows), 4), np.float32), scores.astype(np.float32), ids.astype(np.int64))

    profile = detector_profile(DETECTOR, [found((0, 0.9), (1, 0.4)), found((1, 0.7)), found()], photos(10, 20, 30))
    assert (profile.score[14] + profile.score[13], profile.score[18] + profile.score[17]) == (0.5, 0.5)
    assert (profile.margin, profile.entropy) == ((), ())
    assert profile.classes == (0.33333, 0.33333, 0.33333)


def test_light_is_measured_without_the_bars_and_in_the_channels_order():
    barred = photos(200)
    barred.pixels[:, :2] = GREY
    assert brightness(barred, DETECTOR.input) == pytest.approx([200])
    red = PhotoSet(np.zeros((1, 4, 4, 3), np.uint8), np.arange(1), ())
    red.pixels[..., 0] = 100
    assert brightness(red, CLASSIFIER.input) == pytest.approx([29.9])
    assert brightness(red, replace(CLASSIFIER.input, color="bgr")) == pytest.approx([11.4])


def test_a_card_holds_the_distribution_and_older_cards_have_none():
    profile = classifier_profile(CLASSIFIER, np.array([(0.9, 0.1)], np.float32), photos(10))
    card = replace(CLASSIFIER, validation=profile)
    assert ModelCard.from_dict(card.to_dict(), where="card.json") == card
    older = {key: value for key, value in card.to_dict().items() if key != "validation"}
    assert ModelCard.from_dict(older, where="card.json") == CLASSIFIER


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": (1.0,)}, "must have 3 shares"),
        ({"score": ()}, "histograms of 1 to 1000 bins"),
        ({"brightness": (0.1,) * 1001}, "histograms of 1 to 1000 bins"),
        ({"margin": ()}, "both margin and entropy"),
        ({"score": (1.5,)}, "shares from 0 to 1"),
        ({"classes": (0.5, 0.5, float("nan"))}, "validation"),
    ],
)
def test_a_distribution_that_can_not_be_is_refused(change, message):
    profile = classifier_profile(CLASSIFIER, np.array([(0.9, 0.1)], np.float32), photos(10))
    card = replace(CLASSIFIER, validation=replace(profile, **change))
    with pytest.raises(ModelError, match=message):
        ModelCard.from_dict(card.to_dict(), where="card.json")
