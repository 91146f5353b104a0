from __future__ import annotations

import numpy as np
import pytest

from edgetl.host.dataset.duplicates import group_ids
from edgetl.host.dataset.split import split


def random_case(seed):
    """Classes and duplicate groups of all sizes, within classes and across."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, rng.integers(2, 6), rng.integers(4, 120))
    pairs = rng.integers(0, len(classes), (rng.integers(0, len(classes)), 2)).tolist()
    if seed % 2:  # duplicates within classes only
        pairs = [pair for pair in pairs if classes[pair[0]] == classes[pair[1]]]
    return classes.astype(np.int64), group_ids(len(classes), pairs), float(rng.uniform(0.05, 0.9))


def shareable(classes, groups, label):
    """A class's groups that lie wholly within it."""
    members = set(np.flatnonzero(classes == label).tolist())
    whole = [set(np.flatnonzero(groups == group).tolist()) for group in np.unique(groups)]
    return [group for group in whole if group <= members]


@pytest.mark.parametrize("seed", range(300))
def test_groups_stay_on_one_side_and_each_class_is_on_both(seed):
    classes, groups, fraction = random_case(seed)
    train, val = split(classes, groups, fraction, seed)
    assert sorted([*train.tolist(), *val.tolist()]) == list(range(len(classes)))
    assert not set(groups[train]) & set(groups[val]), "duplicates lie on one side"
    for label in np.unique(classes):
        count, held = int((classes == label).sum()), int((classes[val] == label).sum())
        piles = shareable(classes, groups, label)
        smallest = min(map(len, piles), default=count)
        assert held < count, "something is left to train on"
        assert held >= 1 or smallest == count or not piles
        assert held <= max(smallest, max(1, round(fraction * count)))


def test_each_class_gives_its_share_to_validation():
    classes = np.repeat([0, 1, 2], [100, 50, 10])
    _, val = split(classes, np.arange(160), 0.2, 0)
    assert np.bincount(classes[val]).tolist() == [20, 10, 2]


def test_the_seed_alone_decides_the_split():
    classes = np.repeat([0, 1], 50)
    groups = np.arange(100)
    first, again, other = (split(classes, groups, 0.2, seed)[1].tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_group_across_classes_is_trained_on():
    classes = np.array([0] * 5 + [1] * 5)
    groups = group_ids(10, [[0, 5]])
    for seed in range(20):
        _, val = split(classes, groups, 0.8, seed)
        assert 0 not in val
        assert 5 not in val


def test_two_photos_go_one_to_each_side():
    for fraction in (0.01, 0.5, 0.9):
        train, val = split(np.array([0, 0, 1, 1]), np.arange(4), fraction, 0)
        assert (len(train), len(val)) == (2, 2)


def test_pairs_larger_than_the_quota_still_give_one():
    train, val = split(np.zeros(4, np.int64), np.array([0, 0, 2, 2]), 0.2, 0)
    assert (len(train), len(val)) == (2, 2)


def test_groups_that_touch_are_joined():
    assert group_ids(6, [[0, 1], [4, 5], [1, 4]]).tolist() == [0, 0, 2, 3, 0, 0]
