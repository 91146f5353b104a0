"""A ranking that is interrupted or killed loses nothing, and the next one cleans up behind it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest
from homes import edgetl
from running import read_until
from test_signals import BOTH, SLOW, clean, contents, interrupted

RANK = ("models", "rank", "photos", "--size", "96", "--json")


def hidden(folder):
    """The hidden files, which a killed process leaves if it was writing, but for locks."""
    return [path for path in folder.rglob(".*") if not path.name.endswith("lock")]


@BOTH
@pytest.mark.slow
def test_an_interrupted_ranking_leaves_whole_features_alone(home, number):
    before = contents(home.models)
    slow = "edgetl.host.probe.features:pooled_features"
    clean(*interrupted(number, RANK, "MARK\n", slow=slow, seconds=5.0))
    assert contents(home.models) == before
    assert not list(home.cache.rglob("*-features.npy"))
    assert not hidden(home.cache)
    assert edgetl(*RANK).code == 0
    assert len(list(home.cache.rglob("*-features.npy"))) == 2


@pytest.mark.slow
def test_a_ranking_that_is_killed_while_it_writes_is_made_again(home):
    first = json.loads(edgetl(*RANK).out)
    for folder in home.cache.glob("features-*"):
        shutil.rmtree(folder)  # all else is remembered, so that nothing but features is written
    command = [sys.executable, "-c", SLOW.replace("SECONDS", "60"), "edgetl.files:os.fsync", *RANK]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    read_until(process, "MARK\n")
    os.kill(process.pid, signal.SIGKILL)
    process.stderr.close()
    assert process.wait() == -signal.SIGKILL
    watchdog.cancel()
    assert [path.parent.parent.name.split("-")[0] for path in hidden(home.cache)] == ["features"]
    again = [sys.executable, "-m", "edgetl", *RANK]  # a process of its own, as it would be
    assert json.loads(subprocess.run(again, capture_output=True, check=True).stdout) == first
    assert not hidden(home.cache)
