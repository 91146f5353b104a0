"""Histograms of shares, and the stability index between two of them."""

from __future__ import annotations

import numpy as np
import pytest

from edgetl.vision.shares import histogram, mean_of, share_below, stability_index


def test_a_histogram_holds_shares_and_its_ends_take_what_lies_beyond():
    assert histogram([0.0, 0.1, 0.6, 1.0, 1.2, -3], 2) == (0.5, 0.5)
    assert histogram([], 3) == (0, 0, 0)
    assert histogram(np.array([0, 255.9, 128]), 2, 256.0) == (0.33333, 0.66667)


def test_the_share_below_a_value_is_between_the_bins():
    shares = (0.5, 0.0, 0.5)
    assert [share_below(value, shares) for value in (0, 1 / 6, 0.5, 5 / 6, 1, 7)] == pytest.approx(
        [0, 0.25, 0.5, 0.75, 1, 1]
    )


def test_the_mean_is_that_of_the_middles():
    assert mean_of((0.5, 0.5), 256.0) == pytest.approx(128)
    assert mean_of((0.0, 0.0)) == 0


def test_the_stability_index_grows_with_the_difference():
    usual = histogram(np.random.default_rng(0).normal(0.7, 0.1, 5000), 20)
    indices = [
        stability_index(usual, histogram(np.random.default_rng(1).normal(mean, 0.1, 300), 20))
        for mean in (0.7, 0.65, 0.5, 0.3)
    ]
    assert indices == sorted(indices)
    assert indices[0] < 0.1 < 0.25 < indices[2]


def test_a_value_that_trembles_on_an_edge_is_no_difference():
    assert stability_index((0, 1, 0, 0), (0, 0.9, 0.1, 0)) < 0.05
    assert stability_index((0, 1, 0, 0), (0, 0.9, 0.1, 0), ordered=False) > 0.15
