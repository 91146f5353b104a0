"""Photos with wrong labels come first in the list of suspects."""

import numpy as np
import pytest
from test_probe_heads import clusters

from edgetl.host.probe import ridge
from edgetl.host.probe.heads import unit_features
from edgetl.host.probe.ridge import fit_ridge
from edgetl.host.probe.suspects import find_suspects, left_out_probabilities, probabilities


def flipped(classes, count, share, seed=0):
    rng = np.random.default_rng(seed)
    wrong = rng.choice(len(classes), round(share * len(classes)), replace=False)
    labels = classes.copy()
    labels[wrong] = (labels[wrong] + rng.integers(1, count, len(wrong))) % count
    return labels, wrong


@pytest.mark.parametrize(("photos", "features"), [(60, 40), (60, 100), (300, 40)])
def test_a_photo_that_is_left_out_has_the_score_of_a_fit_without_it(photos, features):
    rng = np.random.default_rng(0)
    classes = np.arange(photos) % 3
    x = unit_features(rng.normal(size=(photos, features)) + 2 * classes[:, None] * (np.arange(features) < 5))
    whole = fit_ridge(x, classes, 3)
    for photo in (0, 7, 31):
        alone = fit_ridge(np.delete(x, photo, axis=0), np.delete(classes, photo), 3)
        np.testing.assert_allclose(alone.scores(x[photo : photo + 1])[0], whole.left_out[photo], atol=0.02)


@pytest.mark.parametrize(("photos", "features", "size"), [(60, 40, 3), (60, 100, 7), (300, 10, 60)])
def test_a_group_that_is_left_out_has_the_scores_of_a_fit_without_it(photos, features, size, monkeypatch):
    monkeypatch.setattr(ridge, "PENALTIES", (0.1,))  # another one could be chosen without the group
    rng = np.random.default_rng(0)
    classes, groups = np.arange(photos) % 3, np.arange(photos) // size
    x = unit_features(rng.normal(size=(photos, features)) + 2 * classes[:, None] * (np.arange(features) < 5))
    whole = fit_ridge(x, classes, 3, groups)
    for group in (0, 2):
        own = groups == group
        alone = fit_ridge(x[~own], classes[~own], 3)
        np.testing.assert_allclose(alone.scores(x[own]), whole.left_out[own], atol=0.05)


def test_a_single_group_leaves_only_the_shares_of_the_classes():
    classes = np.repeat([0, 1], [30, 10])
    found = fit_ridge(unit_features(np.eye(40)), classes, 2, np.zeros(40, np.int64)).left_out
    assert np.ptp(found, axis=0).max() < 1e-5
    assert found[0, 0] > found[0, 1]


def test_flipped_labels_come_first_with_the_class_that_the_photos_show():
    features, classes = clusters(500, 5, noise=1.5)
    labels, wrong = flipped(classes, 5, 0.05)
    found = find_suspects(features, labels, 5)
    first = found[: round(0.08 * 500)]
    caught = [suspect for suspect in first if suspect.photo in wrong]
    assert len(caught) >= 0.9 * len(wrong)
    assert all(suspect.looks_like == classes[suspect.photo] for suspect in caught)


def test_clear_clusters_have_no_suspects():
    features, classes = clusters(200, 4, noise=0.1)
    assert not find_suspects(features, classes, 4)


@pytest.mark.parametrize(("photos", "count"), [(6, 2), (2000, 1000)])
def test_any_number_of_photos_and_classes_is_reviewed(photos, count):
    features, classes = clusters(photos, count, noise=0.5)
    found = find_suspects(features, classes, count)
    assert all(suspect.looks_like != classes[suspect.photo] for suspect in found)


def test_heads_that_know_nothing_accuse_nobody():
    rng = np.random.default_rng(1)
    assert not find_suspects(rng.normal(size=(600, 40)), np.arange(600) % 200, 200)
    assert not find_suspects(rng.normal(size=(6, 40)), np.arange(6) % 2, 2)


def test_features_without_spread_accuse_nobody_clearly():
    classes = np.arange(60) % 3
    found = find_suspects(np.ones((60, 8)), classes, 3)
    assert all(suspect.other - suspect.own < 0.5 for suspect in found)


def test_probabilities_are_as_sharp_as_the_scores_are_right():
    classes = np.arange(100) % 2
    scores = np.eye(2, dtype=np.float32)[classes] * 0.5
    unsure = scores.copy()
    unsure[:40] = unsure[:40, ::-1]
    assert probabilities(scores, classes)[0, 0] > 0.99
    assert 0.5 < probabilities(unsure, classes)[-1, 1] < 0.7


def test_copies_do_not_confirm_each_others_wrong_label():
    features, classes = clusters(200, 4, noise=1.0)
    features[:30] = features[0]
    labels, groups = classes.copy(), np.arange(200)
    labels[:30] = (classes[0] + 1) % 4
    groups[:30] = 0
    alone = left_out_probabilities(features, labels, 4, np.arange(200))[0]
    masked = left_out_probabilities(features, labels, 4, groups)[0]
    assert masked[classes[0]] > alone[classes[0]] + 0.6
