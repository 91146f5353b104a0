import numpy as np
import pytest

from edgetl.host.probe.folds import mean_over_folds, stratified_folds
from edgetl.host.probe.heads import cross_validate, inner_products, ridge_scores


def clusters(photos, count, noise, seed=0):
    """Features of photos that lie around one random centre for each class, and their classes."""
    rng = np.random.default_rng(seed)
    classes = rng.permutation(np.arange(photos) % count)
    centres = rng.normal(size=(count, 40))
    return centres[classes] + noise * rng.normal(size=(photos, 40)), classes


@pytest.mark.parametrize(("photos", "count"), [(200, 4), (6, 2), (300, 100)])
def test_both_heads_recognise_clear_clusters(photos, count):
    features, classes = clusters(photos, count, noise=0.1)
    found = cross_validate(features, classes, count, stratified_folds(classes))
    assert found.recognised(classes).mean() == 1


def test_shuffled_labels_are_recognised_by_chance_only():
    features, classes = clusters(400, 4, noise=0.5)
    shuffled = np.random.default_rng(1).permutation(classes)
    found = cross_validate(features, shuffled, 4, stratified_folds(shuffled))
    assert 0.15 < found.recognised(shuffled).mean() < 0.35


def test_features_without_spread_are_no_better_than_a_guess():
    classes = np.arange(90) % 3
    found = cross_validate(np.ones((90, 8)), classes, 3, stratified_folds(classes))
    assert found.recognised(classes).mean() <= 0.5


def test_the_scale_of_a_feature_does_not_matter():
    features, classes = clusters(120, 3, noise=2.0)
    folds = stratified_folds(classes)
    scaled = features * np.geomspace(1e-2, 1e3, features.shape[1])
    first, second = (cross_validate(x, classes, 3, folds) for x in (features, scaled))
    np.testing.assert_allclose(first.ridge, second.ridge, atol=1e-3)


def test_scores_are_those_of_a_fit_on_the_other_folds():
    features, classes = clusters(120, 3, noise=2.0)
    products, targets, folds = inner_products(features), np.eye(3, dtype=np.float32)[classes], stratified_folds(classes)
    found = ridge_scores(products, targets, folds)
    values, vectors = np.linalg.eigh(products.astype(float))
    x = vectors * np.sqrt(np.maximum(values, 0))  # features with these products
    mean = np.trace(np.cov(x.T, bias=True))
    for fold in range(10):
        train, held = folds != fold, folds == fold
        centred, offset = x[train] - x[train].mean(axis=0), targets[train].mean(axis=0)
        fits = [
            np.linalg.solve(centred.T @ centred + penalty * mean * np.eye(120), centred.T @ (targets[train] - offset))
            for penalty in (0.01, 0.1, 1.0, 10.0)
        ]
        scores = [(x[held] - x[train].mean(axis=0)) @ fit + offset for fit in fits]
        assert min(np.abs(one - found[held]).max() for one in scores) < 1e-3


def test_folds_share_each_class():
    classes = np.repeat([0, 1, 2], [40, 25, 10])
    folds = stratified_folds(classes)
    counts = np.array([np.bincount(classes[folds == fold], minlength=3) for fold in range(10)])
    assert (counts.max(axis=0) - counts.min(axis=0) <= 1).all()
    assert (counts.sum(axis=1) >= 7).all()


def test_a_rare_class_does_not_reduce_the_number_of_folds():
    classes = np.repeat([0, 1, 2], [40, 40, 1])
    assert len(np.unique(stratified_folds(classes))) == 10
    assert len(np.unique(stratified_folds(classes[38:44]))) == 3


def test_equal_means_of_the_folds_leave_an_interval():
    folds = np.arange(20) % 10
    half = np.repeat([0.0, 1.0], 10)
    for values, least in ((half, 0.18), (np.ones(20), 0.07), (np.zeros(20), 0.07)):
        found = mean_over_folds(values, folds)
        assert found.mean - found.low >= least
        assert found.high - found.mean >= least


def test_the_interval_covers_the_truth_about_nine_times_of_ten():
    rng, covered = np.random.default_rng(0), []
    for _ in range(300):
        hits = (rng.random(300) < 0.7).astype(float)
        found = mean_over_folds(hits, stratified_folds(np.arange(300) % 3))
        covered.append(found.low <= 0.7 <= found.high)
    assert np.mean(covered) > 0.88


def test_copies_in_one_fold_do_not_make_random_labels_recognised():
    rng = np.random.default_rng(0)
    classes, groups = rng.integers(0, 2, 20).repeat(5), np.arange(20).repeat(5)
    features = rng.normal(size=(20, 40)).repeat(5, axis=0) + 0.01 * rng.normal(size=(100, 40))
    folds = stratified_folds(classes, groups=groups)
    assert all(len(set(folds[groups == group])) == 1 for group in range(20))
    assert cross_validate(features, classes, 2, folds).recognised(classes).mean() < 0.75
    assert cross_validate(features, classes, 2, stratified_folds(classes)).recognised(classes).mean() > 0.9
