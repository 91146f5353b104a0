"""An interrupted or a running training is never overwritten by another one of its name."""

from __future__ import annotations

import os
import pty
import signal
import sys
import time

import pytest
from homes import TINY, edgetl, refused

from edgetl import store


@pytest.fixture
def unfinished(home):
    """A home with the checkpoint of an unfinished training of `tiny`."""
    folder = home.models / ".tiny.training"
    folder.mkdir()
    (folder / "checkpoint.npz").write_bytes(b"epoch 7")
    return home


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_unfinished_training_is_not_discarded_without_a_terminal(unfinished):
    before = contents(unfinished.models)
    refused(edgetl("train", "photos", "--name", "tiny", *TINY), 2, "--resume", "--restart", "'tiny'")
    assert contents(unfinished.models) == before


def test_restart_starts_over(unfinished, monkeypatch):
    from edgetl.host.train import job

    monkeypatch.setattr(job, "fit", lambda training, checkpoint: None)
    monkeypatch.setattr(job, "_store", lambda checkpoint, trained: checkpoint.folder)
    assert edgetl("train", "photos", "--name", "tiny", *TINY, "--restart").code == 0
    assert not list(unfinished.models.rglob("checkpoint.npz"))


def test_resume_and_restart_exclude_each_other(unfinished):
    refused(edgetl("train", "--name", "tiny", "--resume", "--restart"), 2, "--resume", "--restart")


def test_on_a_terminal_the_user_is_asked(unfinished):
    before = contents(unfinished.models)
    child, terminal = pty.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # as in a shell's foreground
        args = ["train", "photos", "--name", "tiny", *TINY]
        os.execv(sys.executable, [sys.executable, "-c", "from edgetl.cli import main; main()", *args])
    said = b""
    while b"restart" not in said:
        said += os.read(terminal, 1000)
    os.write(terminal, b"\x03")
    again = time.monotonic() + 20
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > again:  # a signal that comes just before the process begins to read does not wake it
            os.write(terminal, b"\x03")
            again += 20
        time.sleep(0.05)
    assert os.waitstatus_to_exitcode(ended[1]) == 1
    os.close(terminal)
    assert contents(unfinished.models) == before


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError])
def test_a_training_that_ends_early_names_the_resume_command(home, monkeypatch, failure):
    from edgetl.host.train import job

    def fail(training, checkpoint):
        (checkpoint.folder / "checkpoint.npz").write_bytes(b"epoch 1")
        raise failure

    monkeypatch.setattr(job, "fit", fail)
    done = edgetl("train", "photos", "--name", "new", *TINY)
    assert done.code == 1
    assert "edgetl train --name new --resume" in done.err


@pytest.mark.parametrize("options", [(), ("--restart",)])
def test_a_second_training_of_a_name_is_refused_with_the_process_of_the_first(home, options):
    with store.exclusive_lock("tiny", "a model 'tiny' is being trained", "wait"):
        refused(edgetl("train", "photos", "--name", "tiny", *TINY, *options), 2, str(os.getpid()), "--name")
    assert list(home.models.glob(".*")) == []


def test_a_second_conversion_to_a_bundle_is_refused_with_the_process_of_the_first(home):
    before = contents(home.models)
    with store.exclusive_lock("tiny@1.loose", "tiny@1 is being converted for loose", "wait"):
        refused(edgetl("convert", "tiny", "--target", home.target), 2, str(os.getpid()))
    assert contents(home.models) == before


def test_demo_discards_its_own_unfinished_training(empty_home):
    from edgetl.host.train.job import discard_unfinished

    (empty_home.models / ".demo.training").mkdir(parents=True)
    (empty_home.models / ".demo.training" / "checkpoint.npz").write_bytes(b"epoch 7")
    discard_unfinished("demo")
    discard_unfinished("demo")
    assert list(empty_home.models.iterdir()) == []
