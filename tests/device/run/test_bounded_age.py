"""The picture is never old, however slow the model; bench/bounded_age.py does the same for ten minutes."""

from __future__ import annotations

import numpy as np
import pytest
from paced import ages


@pytest.mark.slow
def test_results_of_a_slow_model_are_never_old(capsys):
    ours, plain, summary = ages(10.0)
    begun = slice(5, None)  # the first few pay for imports and connections
    with capsys.disabled():
        print(f"\nage of results, s: p99 {np.percentile(ours[begun], 99):.3f}; plain loop ends at {plain[-1]:.1f}")
    assert len(ours) > 60
    assert np.percentile(ours[begun], 99) < 0.25
    assert np.median(ours[-20:]) < np.median(ours[5:25]) + 0.05, "it doesn't grow"
    assert plain[-1] > plain[len(plain) // 2] + 1, "the plain loop's does"
    assert summary.dropped > 2 * summary.frames * 0.6
