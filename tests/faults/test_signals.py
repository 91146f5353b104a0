"""Ctrl-C and SIGTERM in every command: a clean message, no traceback, what was there before intact."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from homes import TINY
from running import read_until

BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
MESSAGE = "edgetl: interrupted; earlier files are unchanged"

SLOW = """
import signal, sys, time
from importlib import import_module
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a shell's foreground
def slow_down(module, name):
    owner, names = import_module(module), name.split(".")
    for part in names[:-1]:
        owner = getattr(owner, part)
    real = getattr(owner, names[-1])
    def slow(*args, **kwargs):
        sys.stderr.write("MARK\\n")  # at once: print writes the end of the line apart, and another thread comes between
        time.sleep(SECONDS)
        return real(*args, **kwargs)
    setattr(owner, names[-1], slow)
if sys.argv[1]:
    slow_down(*sys.argv[1].split(":"))
del sys.argv[1]
from edgetl.cli import main
main()
"""


def interrupted(number, args, mark, *, slow="", delay=0.0, seconds=0.2):
    """Runs a command, sends it a signal `delay` seconds after `mark` was output; returns its exit code and stderr.

    Calls of the function `slow`, MODULE:NAME, take so many `seconds` longer.
    """
    command = [sys.executable, "-c", SLOW.replace("SECONDS", str(seconds)), slow, *map(str, args)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    text = read_until(process, mark)
    time.sleep(delay)
    os.kill(process.pid, number)
    text += process.stderr.read()
    code = process.wait()
    watchdog.cancel()
    return code, text


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def clean(code, output, expected=1):
    assert code == expected, output
    assert "Traceback" not in output
    assert "Exception ignored" not in output
    assert output.count(MESSAGE) == expected


@BOTH
def test_data_check(home, number):
    slow = "edgetl.host.dataset.photos:read_record"
    (home.photos / "disc" / "00.jpg").touch()
    for file in home.cache.rglob("index-*"):
        file.unlink()
    before = contents(home.folder)
    clean(*interrupted(number, ["data", "check", "photos"], "MARK", slow=slow))
    assert contents(home.folder) == before


@BOTH
def test_train_while_it_decodes(home, number):
    for file in home.cache.rglob("*.*"):
        file.unlink()
    before, cached = contents(home.models), contents(home.cache)
    args = ["train", "photos", "--name", "tiny", *TINY]
    clean(*interrupted(number, args, "MARK", slow="edgetl.host.dataset.cache:read_record"))
    assert contents(home.models) == before
    assert contents(home.cache) == cached


@pytest.mark.slow
@BOTH
def test_train_in_the_middle_of_an_epoch(home, number):
    before = contents(home.models)
    args = ["train", "photos", "--name", "tiny", *TINY, "--epochs", "200", "--batch", "4"]
    code, output = interrupted(number, args, "finetune   2/200", delay=0.1)
    clean(code, output)
    after = contents(home.models)
    assert {name: after[name] for name in before} == before
    left = {".tiny.training/train.toml", ".tiny.training/checkpoint.npz", ".tiny.training/history.csv"}
    assert set(after) - set(before) == left
    rows = after[".tiny.training/history.csv"].decode().count("\n") - 1
    assert 2 <= rows < 200


@pytest.mark.slow
def test_train_while_it_loads_keras(home):
    before = contents(home.models)
    code, output = interrupted(signal.SIGTERM, ["train", "photos", "--name", "tiny", *TINY], "to train on", delay=0.7)
    clean(code, output)
    after = contents(home.models)
    assert {name: after[name] for name in before} == before


@pytest.mark.slow
@BOTH
def test_convert(home, number):
    before = contents(home.models)
    clean(*interrupted(number, ["convert", "tiny", "--target", home.target], "float16: converting", delay=0.1))
    assert contents(home.models) == before


@BOTH
def test_eval(home, number):
    args = ["eval", home.bundle, "photos"]
    clean(*interrupted(number, args, "MARK", slow="edgetl.host.evaluate.classifier:read_photo"))


@BOTH
def test_verify(home, number):
    args = ["verify", home.bundle]
    clean(*interrupted(number, args, "MARK", slow="edgetl.device.inference.model:Model.scores"))


@BOTH
def test_run_ends_well(home, number):
    args = ["run", home.bundle, "--source", "photos/disc", "--jsonl", "out.jsonl"]
    code, output = interrupted(number, args, "01.jpg: ", slow="edgetl.device.inference.model:Model.scores", seconds=1.0)
    clean(code, output, expected=0)
    assert "frames in" in output
    lines = (home.folder / "out.jsonl").read_text()
    assert 1 <= lines.count("\n") < 12
    assert lines.endswith("}\n")


def test_signal_twice(home):
    """Impatience does no harm: the second signal finds the files as the first left them."""
    before = contents(home.models)
    args = ["train", "photos", "--name", "tiny", *TINY]
    slow = SLOW.replace("SECONDS", "0.2")
    command = [sys.executable, "-c", slow, "edgetl.host.dataset.cache:read_record", *args]
    for file in home.cache.rglob("*.*"):
        file.unlink()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline() == "MARK\n"
    process.terminate()
    process.terminate()
    assert process.wait(60) != 0
    process.stderr.close()
    assert contents(home.models) == before
    assert not [path for path in home.cache.rglob("*.npy") if not path.name.startswith(".")]


@BOTH
def test_interruption_that_a_library_makes_an_error_of_its_own(home, number):
    """TensorFlow does so now and then, wherever the signal happens to meet it."""
    swallow = SLOW.replace(
        "time.sleep(SECONDS)",
        """try:
            time.sleep(60)
        except KeyboardInterrupt:
            raise TypeError("'NoneType' object is not callable") from None""",
    )
    assert swallow != SLOW
    command = [sys.executable, "-c", swallow, "edgetl.device.verify.replay:verify", "verify", str(home.bundle)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline() == "MARK\n"
    os.kill(process.pid, number)
    output = process.stderr.read()
    clean(process.wait(), output)
