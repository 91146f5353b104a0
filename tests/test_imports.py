"""The device never imports the workstation's libraries, and help comes at once."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys

import pytest

HEAVY = ("tensorflow", "keras", "rich", "matplotlib", "h5py", "jinja2", "platformdirs", "flatbuffers", "edgetl.host")
HELP_SECONDS = 0.25
SAY_MODULES = """
import json, sys
from edgetl.cli import main
code = main.main(sys.argv[1:], standalone_mode=False)
print(json.dumps(sorted(name for name in sys.modules if "." not in name or name.startswith("edgetl."))), code or 0)
"""


def modules_after(*args):
    """The modules that a command left imported."""
    command = [sys.executable, "-c", SAY_MODULES, *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.endswith(" 0"), done.stderr
    return json.loads(last[:-2])


def heavy(modules):
    return [name for name in modules if name.startswith(HEAVY)]


@pytest.mark.parametrize(
    "command", ["", "run", "verify", "train", "convert", "eval", "models", "targets", "data check"]
)
def test_help_imports_nothing_heavy(command):
    modules = modules_after(*command.split(), "--help")
    assert "click" in modules
    assert heavy(modules) == []
    assert "cv2" not in modules


def test_run_and_verify_import_nothing_of_the_workstation(home):
    modules = modules_after("run", home.bundle, "--source", "photos/disc", "--jsonl", "out.jsonl", "--save", "out.mp4")
    assert {"cv2", "numpy", "edgetl.device.run.loop"} <= set(modules)
    assert heavy(modules) == []
    modules = modules_after("verify", home.bundle)
    assert "edgetl.device.verify.replay" in modules
    assert heavy(modules) == []


def test_the_store_and_targets_import_nothing_of_the_workstation(home):
    for args in (["models"], ["models", "show", "tiny"], ["targets"], ["targets", "show", "rpi"]):
        assert heavy(modules_after(*args)) == []


def test_training_imports_the_workstations_libraries(home):
    """The other tests of this file could fail: this is what they look for."""
    assert {"rich", "edgetl.host.dataset.check"} <= set(modules_after("data", "check", "photos"))


def test_help_comes_at_once():
    """By the processor's time, which is all that help waits for."""
    times = []
    for _ in range(7):
        command = [sys.executable, "-c", "from edgetl.cli import main; main()", "--help"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert done.returncode == 0, done.stderr
        assert "edgetl data check" in done.stdout
    assert statistics.median(times) < HELP_SECONDS, times
