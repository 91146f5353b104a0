"""The margin and the entropy of a classifier's scores."""

from __future__ import annotations

import numpy as np
import pytest

from edgetl.vision.uncertainty import entropies, margins

SCORES = np.array([(1, 0, 0), (0.5, 0.5, 0), (1 / 3, 1 / 3, 1 / 3), (0.1, 0.2, 0.7)], np.float32)


def test_the_margin_is_between_the_two_best():
    assert margins(SCORES) == pytest.approx([1, 0, 0, 0.5], abs=1e-6)
    assert float(margins(SCORES[3])) == pytest.approx(0.5)


def test_the_entropy_is_a_share_of_the_largest():
    assert entropies(SCORES) == pytest.approx([0, np.log(2) / np.log(3), 1, 0.7298], abs=1e-3)
    assert float(entropies(3 * SCORES[2])) == pytest.approx(1), "scores needn't sum to one"


def test_a_single_class_is_as_sure_as_its_score():
    single = np.array([[0.25]], np.float32)
    assert (margins(single)[0], entropies(single)[0]) == (0.25, 0)
