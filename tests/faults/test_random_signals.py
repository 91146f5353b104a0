"""Signals at random moments of a training and of a conversion: the store stays whole, and nothing is left for ever."""

from __future__ import annotations

import subprocess
import sys

import pytest
from homes import TINY, edgetl

SIGNALS = 40

LOOP = """
import os, random, signal, sys, time
import tensorflow, keras  # once: the children have them already

rng = random.Random(int(sys.argv[1]))
count, limit, args = int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]
import edgetl.host.train.job, edgetl.host.convert.job
import edgetl.host.train.classifier.task, edgetl.host.train.classifier.fit
from edgetl.cli import main

def child():
    out = os.open(os.devnull, os.O_WRONLY)
    os.dup2(out, 1), os.dup2(out, 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["edgetl", *args]
    try:
        main()
    except SystemExit as ended:
        os._exit(ended.code or 0)
    os._exit(99)

met = 0
for _ in range(count):
    pid = os.fork()
    if pid == 0:
        child()
    time.sleep(rng.uniform(0, limit))
    os.kill(pid, rng.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL]))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, 1, -9, -signal.SIGHUP, -signal.SIGTERM, -signal.SIGINT), code
    met += code != 0
print(met)
"""


def signalled(seed, limit, *args):
    """Runs a command again and again, each time until a signal meets it; returns how many runs were ended early."""
    command = [sys.executable, "-c", LOOP, str(seed), str(SIGNALS), str(limit), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout.split()[-1])


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def versions():
    done = edgetl("models")
    assert done.code == 0, done.err
    assert done.err == ""
    return len(done.out.splitlines()) - 1


@pytest.mark.slow
def test_signals_in_a_training(home):
    before = contents(home.models / "tiny")
    met = signalled(0, 3.0, "train", "photos", "--name", "tiny", *TINY, "--restart")
    assert met >= SIGNALS // 4
    finished = versions() - 1
    assert edgetl("train", "photos", "--name", "tiny", *TINY, "--restart").code == 0
    assert versions() == finished + 2
    assert edgetl("models", "use", "tiny@1").code == 0
    after = contents(home.models / "tiny")
    assert {path: content for path, content in after.items() if path.parts[0] != "versions"} == before
    assert not list(home.models.rglob(".*"))
    assert not [path for path in home.cache.rglob(".*") if path.is_file()]


@pytest.mark.slow
def test_signals_in_a_conversion(home):
    before = contents(home.models / "tiny")
    met = signalled(1, 2.0, "convert", "tiny", "--target", home.target)
    assert met >= SIGNALS // 4
    assert edgetl("verify", "tiny/loose").code == 0
    assert versions() == 1
    assert not list(home.models.rglob(".*"))
    after = contents(home.models / "tiny")
    assert {path for path in after if path.parts[0] != "loose"} == {p for p in before if p.parts[0] != "loose"}
    assert all(after[path] == before[path] for path in before if path.parts[0] != "loose")
