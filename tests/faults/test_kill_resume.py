"""kill -9 in the middle of a training, then --resume: as if nothing had happened."""

from __future__ import annotations

import csv
import subprocess
import sys
import time

import numpy as np
import pytest
from homes import edgetl
from running import read_until

OPTIONS = ("--size", "96", "--batch", "4", "--epochs", "4")
STAGES = ("--head-epochs", "3", "--weights", "tiny")
MAIN = "from edgetl.cli import main; main()"


def rows(folder):
    with (folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


def weights(folder):
    import keras

    return keras.saving.load_model(folder / "model.keras", compile=False).get_weights()


def kill_after(mark, args):
    process = subprocess.Popen([sys.executable, "-c", MAIN, *args], stderr=subprocess.PIPE, text=True)
    read_until(process, mark)
    time.sleep(0.05)
    process.kill()
    assert process.wait() == -9
    process.stderr.close()


@pytest.fixture
def killed(home):
    """A training that was killed in its second stage, after the second of four epochs."""
    kill_after("finetune   2/4", ["train", "photos", "--name", "killed", *OPTIONS, *STAGES])
    return home


@pytest.mark.slow
def test_killed_training_is_resumed(killed):
    models = killed.models
    assert not (models / "killed").exists()
    assert (models / "tiny" / "model.keras").exists()
    done = edgetl("models")
    assert "killed" not in done.out
    left = {path.name for path in (models / ".killed.training").iterdir() if not path.name.startswith(".")}
    assert left == {"checkpoint.npz", "history.csv", "train.toml"}

    done = edgetl("train", "--name", "killed", "--resume")
    assert done.code == 0, done.err
    assert "resuming after epoch 2 of stage finetune" in done.err
    assert edgetl("train", "photos", "--name", "whole", *OPTIONS, *STAGES).code == 0

    history, whole = rows(models / "killed"), rows(models / "whole")
    assert [(row["stage"], row["epoch"]) for row in history] == [
        *(("head", str(epoch)) for epoch in (1, 2, 3)),
        *(("finetune", str(epoch)) for epoch in (1, 2, 3, 4)),
    ]
    measured = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")
    assert [[row[key] for key in measured] for row in history] == [[row[key] for key in measured] for row in whole]
    for ours, theirs in zip(weights(models / "killed"), weights(models / "whole"), strict=True):
        assert np.array_equal(ours, theirs)
    assert not (models / ".killed.training").exists()
    assert edgetl("train", "--name", "killed", "--resume").code == 2
