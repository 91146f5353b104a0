"""The record of a frame's times is bounded."""

from __future__ import annotations

import numpy as np
import pytest

from edgetl.device.stages import Recorder


def test_recorder_is_bounded_and_keeps_the_last():
    recorder = Recorder(("a", "b"), capacity=100)
    assert recorder.percentiles() == {}
    for value in range(1000):
        recorder.add(value, -value)
    assert recorder.count == 1000
    assert recorder.rows.shape == (100, 2)
    stages = recorder.percentiles()
    assert stages["a"].p50 == pytest.approx(np.percentile(range(900, 1000), 50))
    assert stages["b"].p95 == pytest.approx(np.percentile(range(-999, -899), 95))
    assert recorder.percentiles(last=10)["a"].p50 == pytest.approx(np.percentile(range(990, 1000), 50))
