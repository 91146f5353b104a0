"""A trial is a training of a share of the epochs, of which nothing is stored."""

from __future__ import annotations

from dataclasses import replace

from edgetl.host.train.trial import run_trial


def test_a_trial_takes_a_share_of_the_epochs_and_stores_nothing(options, small, host_env, tmp_path):
    before = sorted(host_env.rglob("*"))
    trial = run_trial(replace(options, name="tried", epochs=18, head_epochs=0), tmp_path)
    assert trial.epochs == 3
    assert 0 <= trial.card.metrics["top1"] <= 1
    assert sorted(host_env.rglob("*")) == before
