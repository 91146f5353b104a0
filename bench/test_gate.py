"""No stage may grow unnoticed: what it costs beside its calibration load, against what that was.

    pytest bench/test_gate.py            the gate
    python bench/write_ratios.py         measures anew, and writes bench/reference/ratios.json

The reference holds ratios, not times, so that it says something on other machines too. A stage that seems to have grown
is measured again before the gate fails: noise passes, a slower program doesn't.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import replace

import pytest
import stages as kept
from stages import REFERENCE, Stage, ratio

ATTEMPTS = 4
NAMES = tuple(json.loads(REFERENCE.read_text()))


@pytest.fixture(scope="module")
def stages(int8_file, int8_detector, tmp_path_factory):
    film = kept.write_film(tmp_path_factory.mktemp("film") / "film.mp4")
    with ExitStack() as stack:
        yield {stage.name: stage for stage in kept.stages(int8_file, int8_detector, film, stack)}


def growth(stage: Stage) -> float:
    """Returns by what share a stage has grown, the least of a few attempts; the first that is allowed ends them."""
    reference, least = json.loads(REFERENCE.read_text())[stage.name], float("inf")
    for _ in range(ATTEMPTS):
        least = min(least, ratio(stage) / reference - 1)
        if least <= stage.allowed:
            break
    return least


def test_reference_knows_every_stage(stages):
    assert set(stages) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_stage_has_not_grown(stages, name):
    found = growth(stages[name])
    assert found <= stages[name].allowed, f"{name} takes {found:+.0%} of what it took beside its calibration"


@pytest.mark.parametrize("name", NAMES)  # all: a reference that is too high hides whatever it was made for
def test_stage_that_is_slower_by_30_percent_is_noticed(stages, name):
    stage = stages[name]

    def slower() -> None:
        start = time.perf_counter_ns()
        stage.ours()
        end = time.perf_counter_ns()
        while time.perf_counter_ns() < end + 0.3 * (end - start):
            pass

    assert growth(replace(stage, ours=slower)) > stage.allowed
