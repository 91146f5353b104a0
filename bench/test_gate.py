"""No stage may grow unnoticed: what it costs beside its calibration load, against what that was.

    pytest bench/test_gate.py            the gate
    python bench/write_ratios.py NAME    measures anew, and writes bench/reference/ratios.json

The reference holds ratios, not times, and those of several kinds of machines, of which the nearest counts. A stage that
seems to have grown is measured again before the gate fails: noise passes, a slower program doesn't.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import replace

import pytest
import stages as kept
from stages import REFERENCE, Stage, nearest, ratio

ATTEMPTS = 4
REFERENCES: dict[str, dict[str, float]] = json.loads(REFERENCE.read_text())
NAMES = tuple({name: None for ratios in REFERENCES.values() for name in ratios})


@pytest.fixture(scope="module")
def stages(int8_file, int8_detector, tmp_path_factory):
    film = kept.write_film(tmp_path_factory.mktemp("film") / "film.mp4")
    with ExitStack() as stack:
        yield {stage.name: stage for stage in kept.stages(int8_file, int8_detector, film, stack)}


@pytest.fixture(scope="module")
def reference(stages):
    """The ratios of the kind of machine that is most like this one."""
    return nearest({name: ratio(stage) for name, stage in stages.items()}, REFERENCES)


def growth(stage: Stage, reference: dict[str, float]) -> float:
    """Returns by what share a stage has grown, the least of a few attempts; the first that is allowed ends them."""
    least = float("inf")
    for _ in range(ATTEMPTS):
        least = min(least, ratio(stage) / reference[stage.name] - 1)
        if least <= stage.allowed:
            break
    return least


def test_reference_knows_every_stage(stages):
    assert set(stages) == set(NAMES)


def test_a_grown_stage_does_not_change_the_kind_of_machine():
    for ratios in REFERENCES.values():
        for name in ratios:
            found = nearest(ratios | {name: 2 * ratios[name]}, REFERENCES)
            assert {known: found[known] for known in ratios} == ratios


@pytest.mark.parametrize("name", NAMES)
def test_stage_has_not_grown(stages, reference, name):
    found = growth(stages[name], reference)
    assert found <= stages[name].allowed, f"{name} takes {found:+.0%} of what it took beside its calibration"


@pytest.mark.parametrize("name", NAMES)  # all: a reference that is too high hides whatever it was made for
def test_stage_that_is_slower_by_30_percent_is_noticed(stages, reference, name):
    stage = stages[name]

    def slower() -> None:
        start = time.perf_counter_ns()
        stage.ours()
        end = time.perf_counter_ns()
        while time.perf_counter_ns() < end + 0.3 * (end - start):
            pass

    assert growth(replace(stage, ours=slower), reference) > stage.allowed
