"""A comparison of real runs: it goes on after an interruption, and leaves the store as it is."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from homes import draw_folders, edgetl, refused, unusable

SHORT = ("--default", "starter", "--size", "96", "--minutes", "0.01")


def made_up(base, planned):
    """A run whose figure is made up, in place of `make_run` where only the plan around the runs is tested."""
    from edgetl.host.knowledge.comparison_estimates import accuracy_draws
    from edgetl.host.knowledge.comparison_file import Run

    right = np.arange(len(base.training.dataset.val)) % 2 == 0
    draws, photos = tuple(accuracy_draws(right).tolist()), planned.level.photos
    return Run(
        planned.way.name, photos, planned.seed, planned.epochs, planned.full.epochs, right.mean(), draws, 1.0, 1.0
    )


@pytest.fixture
def shortest(small, straight, tmp_path, monkeypatch):
    """A comparison whose default is a stored model of a small backbone, and which ranks no other."""
    from edgetl.host.knowledge import comparison_ways
    from edgetl.host.knowledge.comparison_options import CompareOptions

    monkeypatch.setattr(comparison_ways, "_best_stored", lambda base: [])
    monkeypatch.chdir(tmp_path)
    drawn = draw_folders(tmp_path / "drawn", 16)
    return CompareOptions(str(drawn), minutes=0.02, default="straight", size=96, folder="compared")


def test_an_interrupted_comparison_goes_on_where_it_stopped(shortest, host_env, monkeypatch):
    from edgetl.host.knowledge import comparison_job

    stored = sorted(host_env.rglob("*"))
    begun = comparison_job.compare(shortest)
    assert begun.finished == 1
    assert begun.sentences[0].startswith("Too few runs have finished")
    calls = []

    def interrupted(base, planned):
        calls.append(planned.key)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return made_up(base, planned)

    monkeypatch.setattr(comparison_job, "make_run", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        comparison_job.compare(replace(shortest, minutes=60))
    assert "keeps 3 finished runs" in caught.value.__notes__[0]
    assert begun.report.read_text().count("random weights") >= 2
    answer = comparison_job.compare(replace(shortest, minutes=1e-6))
    assert answer.finished == 3
    assert len(calls) == 3
    assert {way: len(points) for way, points in answer.curves.items()} == {
        "head only": 2,
        "random weights": 1,
        "default": 0,
    }
    assert all(0 <= point.low <= point.mean <= point.high <= 1 for points in answer.curves.values() for point in points)
    assert sorted(host_env.rglob("*")) == stored


def test_a_default_that_has_learnt_from_these_photos_is_refused(shortest, straight):
    from edgetl.errors import UsageError
    from edgetl.host.knowledge.comparison_job import compare

    with pytest.raises(UsageError, match="straight@1 can't be compared: it has learnt from photos of this folder"):
        compare(replace(shortest, data=straight.card.dataset.path))


def test_a_full_disk_ends_a_run_with_a_remedy(shortest, monkeypatch):
    import errno

    from edgetl.errors import EdgetlError
    from edgetl.host.knowledge import comparison_job, comparison_runs

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(comparison_runs, "_run_classifier", full)
    with pytest.raises(EdgetlError, match="No space left on device") as caught:
        comparison_job.compare(shortest)
    assert "free some space" in caught.value.remedy


@pytest.mark.slow
def test_a_detector_is_compared_by_its_map50(boxed_options, small, tmp_path):
    from edgetl.host.knowledge.comparison_levels import Level
    from edgetl.host.knowledge.comparison_plan import RANDOM, PlannedRun, Way
    from edgetl.host.knowledge.comparison_runs import Base, make_run
    from edgetl.host.train.detector.task import load
    from edgetl.host.train.resolve import resolve_input
    from edgetl.host.train.weights.source import open_source

    source = open_source("none")
    training = load(boxed_options, source, resolve_input(boxed_options, source, "detection"))
    base = Base(boxed_options, training, tmp_path)
    run = make_run(base, PlannedRun(Way(RANDOM, "none"), Level(5, 17), 0, 1, base.schedule(17)))
    assert 0 <= run.figure <= 1
    assert run.photos < len(base.classes)


def test_two_classes_of_three_photos_are_compared_and_then_guarded(home, monkeypatch):
    from edgetl.host.knowledge import comparison_job, comparison_ways
    from edgetl.host.train.classifier import task
    from edgetl.host.train.weights.source import WeightsSource

    monkeypatch.setattr(comparison_job, "make_run", made_up)
    monkeypatch.setattr(comparison_job, "learning_speed", lambda base: 100.0)
    imagenet = WeightsSource("imagenet", "imagenet")
    draw_folders(home.folder / "few", 3, ("disc", "square"))
    done = edgetl("compare", "few", *SHORT, "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert (said["train"], said["validation"], said["finished"]) == (4, 2, 1)
    assert list(said["curves"]) == ["head only", "random weights", "default", "tiny@1"]
    assert (home.folder / "comparisons" / "few" / "report.html").is_file()
    assert "Too few runs" in done.err
    with monkeypatch.context() as patch:  # ImageNet's weights can be downloaded now, but the starter was the default
        patch.setattr(task, "replace_auto", lambda source, *_: imagenet if source.kind == "auto" else source)
        patch.setattr(comparison_ways, "require_fitting", lambda *_: None)  # the first command has seen that they fit
        assert edgetl("compare", "few", "--size", "96", "--minutes", "0.01").code == 0
    refused(
        edgetl("compare", "few", *SHORT, "--size", "128"), 2, "this comparison began with the input size 96, not 128"
    )
    runs = home.folder / "comparisons" / "few" / "runs.jsonl"
    runs.write_text(runs.read_text()[:-9])
    refused(edgetl("compare", "few", *SHORT), 1, "can't be read", "--restart")


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (("--default", "none"), "the default start can't be none"),
        (("--default", "best"), "the default start can't be best"),
        (("--weights", "none"), "no model of the store"),
        (("--weights", "nonsuch"), "nonsuch"),
        (("--minutes", "0"), "--minutes"),
        (("--minutes", "nan"), "--minutes"),
        (("--size", "5"), "--size"),
    ],
)
def test_senseless_options_are_refused(home, args, part):
    done = edgetl("compare", "photos", *SHORT, *args)
    assert done.code == 2, done.err
    assert part in done.err


def test_an_empty_folder_is_no_data_set(empty_home):
    empty_home.photos.mkdir()
    unusable(edgetl("compare", "photos", *SHORT), "no class folders with photos here")
    assert not (empty_home.folder / "comparisons").exists()
