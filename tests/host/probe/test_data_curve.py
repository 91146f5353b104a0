"""What more photos would bring follows from heads that learned from parts of the photos."""

import time

import numpy as np
import pytest
from test_probe_heads import clusters

from edgetl.host.probe.data_curve import Labelled, measure_curve
from edgetl.host.probe.folds import stratified_parts
from edgetl.host.probe.power_law import fit_power_law


def curve_of(train, val, count, noise, seed=0):
    features, classes = clusters(train + val, count, noise, seed)
    first, second = (Labelled(features[part], classes[part]) for part in (slice(train), slice(train, None)))
    return measure_curve(first, second, count), classes[train:]


def test_a_power_law_is_found_again():
    photos = np.array([50.0, 100, 200, 400])
    wanted = [0.1 + 2 * photos**-0.5, 0.8 * photos**-0.3, np.full(4, 0.2)]
    fitted = fit_power_law(photos, np.stack(wanted))
    np.testing.assert_allclose(fitted.error(800), [0.1 + 2 * 800**-0.5, 0.8 * 800**-0.3, 0.2], atol=2e-3)
    rising = fit_power_law(photos, np.array([[0.1, 0.2, 0.3, 0.4]]))
    assert rising.error(800) == pytest.approx(0.25), "more photos don't make a head worse"


def test_the_curve_rises_and_continues_to_twice_the_photos():
    curve, _ = curve_of(400, 300, 4, noise=3.0)
    means = [point.accuracy.mean for point in curve.measured]
    assert [point.photos for point in curve.measured] == pytest.approx([50, 100, 200, 400], abs=2)
    assert means == sorted(means)
    assert curve.fitted[-1].photos == pytest.approx(800)
    assert curve.fitted[-1].accuracy.mean > means[-1]
    assert all(point.accuracy.low <= point.accuracy.mean <= point.accuracy.high for point in curve.fitted)


def test_half_of_the_photos_forecast_what_the_head_gains_with_all():
    inside = 0
    for seed in range(6):
        features, classes = clusters(1200, 4, 3.0, seed)
        val = Labelled(features[800:], classes[800:])
        half, whole = (measure_curve(Labelled(features[:n], classes[:n]), val, 4) for n in (400, 800))
        now, then = (1 - curve.measured[-1].accuracy.mean for curve in (half, whole))
        wrong = np.arange(400) < round(400 * now)
        gain = half.gain(wrong)
        assert gain.low <= gain.mean <= gain.high
        assert gain.mean >= 0
        inside += gain.low <= now - then <= gain.high
    assert inside >= 5


def test_a_network_without_errors_can_still_gain_or_lose_by_chance():
    curve, classes = curve_of(200, 10, 4, noise=1.0)
    gain = curve.gain(np.zeros(len(classes), bool))
    assert gain.mean == 0
    assert gain.low < -0.05
    assert gain.high > 0.05


def test_a_class_with_few_photos_would_gain_most():
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1, 2, 3], [300, 300, 300, 24])
    centres = rng.normal(size=(4, 40))
    features = centres[classes] + 3 * rng.normal(size=(len(classes), 40))
    truth = np.repeat([0, 1, 2, 3], 100)
    val = Labelled(centres[truth] + 3 * rng.normal(size=(400, 40)), truth)
    curve = measure_curve(Labelled(features, classes), val, 4)
    wrong = np.array([0.25, 0.25, 0.25, 0.8])
    assert (wrong * curve.corrected_of).argmax() == 3


@pytest.mark.parametrize("count", [2, 1000])
def test_two_photos_a_class_give_no_curve(count):
    features, classes = np.random.default_rng(0).normal(size=(3 * count, 40)), np.arange(3 * count) % count
    train, val = (Labelled(features[part], classes[part]) for part in (slice(2 * count), slice(2 * count, None)))
    assert measure_curve(train, val, count) is None


@pytest.mark.slow
def test_a_thousand_classes_take_seconds():
    began = time.process_time()
    curve, classes = curve_of(4000, 500, 1000, noise=1.0)
    assert len(curve.corrected_of) == 1000
    assert curve.gain(np.arange(len(classes)) % 5 == 0).high < 0.2
    assert time.process_time() - began < 30


@pytest.mark.parametrize("classes", [np.arange(80) % 4, np.zeros(80, np.int64)])
def test_features_without_spread_promise_nothing_certain(classes):
    val = Labelled(np.ones((8, 8), np.float32), classes[:8])
    curve = measure_curve(Labelled(np.ones((80, 8), np.float32), classes), val, 4)
    gain = curve.gain(np.ones(8, bool))
    assert gain.low <= gain.mean <= gain.high
    assert gain.high - gain.low > 0.1


def test_parts_have_every_class_and_are_disjoint():
    classes = np.repeat([0, 1, 2], [80, 40, 3])
    parts = list(stratified_parts(classes, 0.25, 4, np.random.default_rng(0)))
    assert {tuple(np.bincount(classes[part]).tolist()) for part in parts} == {(20, 10, 1)}
    frequent = np.concatenate([part[classes[part] < 2] for part in parts])
    assert len(np.unique(frequent)) == 120
