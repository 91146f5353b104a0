"""What a comparison trains, in which order, and what fits into its time."""

from __future__ import annotations

import numpy as np
import pytest

from edgetl.host.knowledge.comparison_file import Run, Settings
from edgetl.host.knowledge.comparison_levels import levels_of, subset
from edgetl.host.knowledge.comparison_plan import (
    DEFAULT,
    HEAD,
    MOST_SEEDS,
    RANDOM,
    Plan,
    Schedule,
    Speed,
    Way,
    choose_length,
)

WAYS = [Way(HEAD, "imagenet", head_only=True), Way(RANDOM, "none"), Way(DEFAULT, "imagenet")]
CLASSES = np.repeat([0, 1, 2, -1], [40, 300, 160, 10])


def schedule(photos):
    return Schedule(max(10, min(60, round(80_000 / photos))), photos)


def planned(seconds, speed=100.0):
    levels = levels_of(CLASSES)
    shown, first = choose_length(levels, WAYS, schedule, seconds, Speed(speed, False, 100))
    settings = Settings(
        "d", "s", "classification", "b", 0.35, 96, "imagenet", 3, len(CLASSES), 100, speed, shown, first
    )
    return Plan(settings, levels, WAYS, schedule)


def run_of(one):
    return Run(one.way.name, one.level.photos, one.seed, one.epochs, one.full.epochs, 0.5, (0.5,) * 200, 1.0, 1.0)


def made_within(plan, seconds):
    done, finished = [], []
    while (one := plan.next(done, finished, seconds)) is not None:
        took = plan.estimate(one, finished)
        seconds -= took
        done.append(run_of(one))
        finished.append((one, took))
    return done, seconds


def test_levels_end_with_all_photos_and_leave_out_those_that_are_nearly_all():
    levels = [(level.per_class, level.photos) for level in levels_of(CLASSES)]
    assert levels == [(5, 20), (10, 40), (20, 70), (50, 150), (100, 250), (300, 510)]


def test_two_classes_of_two_photos_have_one_level():
    assert [level.photos for level in levels_of(np.array([0, 0, 1, 1]))] == [4]


def test_a_seed_takes_equally_many_photos_of_each_class_and_adds_to_those_of_smaller_levels():
    small, large = (subset(CLASSES, level, seed=3) for level in levels_of(CLASSES)[1:3])
    assert np.unique(CLASSES[small], return_counts=True)[1].tolist() == [10] * 4
    assert set(small) < set(large)
    assert set(small) != set(subset(CLASSES, levels_of(CLASSES)[1], seed=4))


@pytest.mark.parametrize("minutes", [2, 20, 300])
def test_each_way_gets_the_fewest_and_all_photos_before_anything_is_repeated(minutes):
    first = planned(60 * minutes).runs[: 2 * len(WAYS)]
    assert first[0].way.name == HEAD
    assert {one.seed for one in first} == {0}
    assert {one.level.photos for one in first} >= {20}
    costs = [one.epochs * one.level.photos for one in first if not one.way.head_only]
    assert costs == sorted(costs)


def test_more_time_gives_longer_runs_up_to_those_of_a_training():
    lengths = [
        max(one.epochs for one in planned(60 * minutes).runs if one.level.photos == 510) for minutes in (2, 20, 300)
    ]
    assert lengths[0] < lengths[1] <= lengths[2] == schedule(510).epochs


def test_the_time_is_kept_and_used():
    done, left = made_within(planned(1200), 1200)
    assert 0 <= left < 60
    assert {run.way for run in done if run.photos == 510} == {HEAD, RANDOM, DEFAULT}


def test_slow_runs_correct_the_estimates():
    plan = planned(1200)
    head = plan.runs[0]
    whole = next(one for one in plan.runs if not one.way.head_only)
    assert head.way.head_only
    finished = [(head, 10 * plan.speed.seconds(head))]
    assert plan.estimate(whole, finished) == pytest.approx(10 * plan.speed.seconds(whole))
    finished.append((whole, 2 * plan.speed.seconds(whole)))
    assert plan.estimate(whole, finished) == pytest.approx(2 * plan.speed.seconds(whole))


def test_the_first_run_is_made_whatever_the_time_and_no_other():
    plan = planned(1)
    one = plan.next([], [], 0.0)
    assert one is plan.runs[0]
    assert plan.next([run_of(one)], [], 0.0) is None


def test_a_comparison_ends_after_the_last_seed():
    plan = planned(1200)
    assert len(plan.runs) == len({one.key for one in plan.runs}) == MOST_SEEDS * len(WAYS) * len(plan.levels)
    assert plan.next(map(run_of, plan.runs), [], 1e9) is None
