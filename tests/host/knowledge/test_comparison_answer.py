"""The intervals of a comparison and its sentences, from runs that are made up."""

from __future__ import annotations

import numpy as np
import pytest

from edgetl.host.knowledge.comparison_estimates import accuracy_draws, differences, estimate_curve
from edgetl.host.knowledge.comparison_file import Run, Settings
from edgetl.host.knowledge.comparison_levels import Level
from edgetl.host.knowledge.comparison_plan import DEFAULT, HEAD, RANDOM
from edgetl.host.knowledge.comparison_sentences import Answer

VALIDATION = 1000
LEVELS = (Level(20, 120), Level(160, 960))


def runs_of(way, accuracies, seeds=3, spread=0.01, epochs=10, validation=VALIDATION):
    """Runs whose right photos are the same ones as those of other runs as far as possible."""
    runs = []
    for level, accuracy in zip(LEVELS, accuracies, strict=False):
        for seed in range(seeds):
            right = np.arange(validation) < validation * (
                accuracy + spread * (seed - 1) * (1 if way == DEFAULT else -1)
            )
            draws = tuple(accuracy_draws(right).tolist())
            runs.append(Run(way, level.photos, seed, epochs, 10, float(right.mean()), draws, 1.0, 2.0))
    return runs


def answer(*runs, validation=VALIDATION, starts=()):
    settings = Settings("d", "s", "classification", "b", 0.35, 96, "imagenet", 6, 960, validation, 100.0, 1000, 2)
    return list(Answer(settings, LEVELS, starts, [run for own in runs for run in own]).sentences())


def test_the_interval_of_a_known_accuracy_covers_it_nine_times_in_ten():
    rng, covered = np.random.default_rng(5), 0
    for _ in range(300):
        right = rng.random(200) < 0.7
        run = Run(DEFAULT, 120, 0, 1, 1, float(right.mean()), tuple(accuracy_draws(right).tolist()), 1.0, 1.0)
        found = estimate_curve([run], DEFAULT, 200)[120]
        covered += found.low <= 0.7 <= found.high
    assert 0.86 <= covered / 300 <= 0.94


def test_differences_compare_the_same_seeds_alone():
    default, random = runs_of(DEFAULT, (0.8,), seeds=3), runs_of(RANDOM, (0.5,), seeds=5)[1:]
    (found,) = differences([*default, *random], DEFAULT, RANDOM, VALIDATION)
    assert found.seeds == 2
    assert found.better


def test_three_photos_without_a_difference_are_no_certainty():
    runs = [*runs_of(DEFAULT, (1.0,), 1, 0, validation=3), *runs_of(RANDOM, (1.0,), 1, 0, validation=3)]
    (found,) = differences(runs, DEFAULT, RANDOM, 3)
    assert found.mean == 0
    assert found.half > 0.3


def test_what_transfer_is_worth_is_said_for_few_photos_and_for_all():
    first = answer(runs_of(DEFAULT, (0.8, 0.89)), runs_of(RANDOM, (0.49, 0.8)))[0]
    assert first.startswith("Transfer is worth 31 ± ")
    assert " points at 20 photos a class and 9 ± " in first
    assert first.endswith(" with all 960.")


def test_equal_ways_mean_that_transfer_no_longer_matters():
    said = answer(runs_of(DEFAULT, (0.8, 0.9), spread=0), runs_of(RANDOM, (0.5, 0.9), spread=0))
    assert "With this much data, training from scratch is within 1 point: transfer no longer matters." in said


def test_a_harmful_start_is_called_negative_transfer():
    said = answer(runs_of(DEFAULT, (0.8, 0.9)), runs_of("mnist@1", (0.6, 0.86)), starts=["mnist@1"])
    assert any(s.startswith("Starting from `mnist@1` is worse than the default by 20 ± ") for s in said)
    assert any(s.endswith(": negative transfer.") for s in said)


def test_a_difference_within_its_uncertainty_is_not_called_one():
    few = {"seeds": 2, "spread": 0.1}
    said = answer(runs_of(DEFAULT, (0.8, 0.8), **few), runs_of("x@1", (0.79, 0.82), **few), starts=["x@1"])
    assert any("makes no difference that shows here" in s for s in said)


def test_it_is_said_when_runs_are_missing_short_or_single():
    said = answer(runs_of(HEAD, (0.7,)))
    assert said[0].startswith("Too few runs have finished to say what transfer is worth")
    said = answer(runs_of(DEFAULT, (0.8,), 1, epochs=4), runs_of(RANDOM, (0.5,), 1, epochs=4))
    assert any("4 of 10 epochs with 120 photos" in s for s in said)
    assert any("single run" in s for s in said)
    few = [runs_of(way, (0.8,), validation=10) for way in (DEFAULT, RANDOM)]
    assert any("only 10 validation photos" in s for s in answer(*few, validation=10))


@pytest.mark.parametrize(
    ("head", "said"), [(0.7, "brings 20 ± "), (0.95, "head alone (`edgetl train --epochs 0`) is better")]
)
def test_the_head_alone_is_compared_with_the_whole_network(head, said):
    assert any(said in s for s in answer(runs_of(DEFAULT, (0.9,)), runs_of(HEAD, (head,))))
