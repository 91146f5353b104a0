"""The commands that the workstation calls, with processes that are supervised by a unit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from device_releases import unit_of
from stand_in import SystemdStandIn

from edgetl.device.release.device_facts import current_digest
from edgetl.device.release.history import read_history

COMMAND = [sys.executable, "-m", "edgetl.device.release"]
PATIENCE = 60.0


@pytest.fixture
def systemd(root, monkeypatch):
    with SystemdStandIn(root.parent, monkeypatch) as made:
        made.write_unit(unit_of(root))
        yield made


def release(*words):
    """Runs a command; returns the exit code and its answers."""
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=PATIENCE)
    assert done.stderr == ""
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_a_run_that_dies_is_rolled_back_and_its_error_is_the_last_line(root, systemd, installed):
    first, second = installed(), installed("dies")
    code, answers = release("switch", first, "--watch", "1")
    assert (code, answers[-1]) == (0, {"done": True, "release": first, "previous": None, "changed": True})
    assert [answer["step"] for answer in answers[:-1]] == ["switch", "watch", "watch"]
    code, answers = release("switch", second, "--watch", "30", "--holder", "ann@desk")
    assert (code, answers[-1]["code"]) == (5, 5)
    assert "ended during its watch" in answers[-1]["error"]
    assert current_digest(root) == first
    systemd.wait_for(ActiveState="active", SubState="running")


def test_a_switch_goes_on_when_its_connection_dies(root, systemd, installed):
    digest = installed()
    with subprocess.Popen([*COMMAND, "switch", digest, "--watch", "2"], stdout=subprocess.PIPE) as connection:
        connection.stdout.readline()
        connection.kill()
    code, answers = release("prune", "1")
    assert (code, answers[0]["code"]) == (2, 2)
    assert release("prune", "1", "--wait", str(PATIENCE))[0] == 0
    assert [switch.outcome for switch in read_history(root)] == ["proved"]
    code, (answer,) = release("status")
    assert (code, answer["current"], answer["proved"], answer["service"]["active"]) == (0, digest, True, "active")


@pytest.mark.parametrize(
    ("words", "code"), [(["switch", "0" * 16], 2), (["rollback"], 2), (["verify", "0" * 16], 2), (["prune", "0"], 2)]
)
@pytest.mark.slow
def test_what_does_not_exist_is_named_with_a_remedy(root, words, code):
    found, answers = release(*words)
    assert found == code
    assert answers[-1]["remedy"]


@pytest.mark.slow
def test_a_switch_that_is_killed_at_any_moment_leaves_a_release_running_and_the_next_one_succeeds(
    root, systemd, installed
):
    """Twenty moments from the start to the end of a watch, the work's own process included."""
    digests = [installed(), installed(model="better")]
    assert release("switch", digests[0], "--watch", "1")[0] == 0
    for moment in range(20):
        target = digests[(moment + 1) % 2]
        process = subprocess.Popen([*COMMAND, "switch", target, "--watch", "1"], stdout=subprocess.DEVNULL)
        time.sleep(0.15 * moment)
        children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
        process.kill()
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        process.wait()
        assert current_digest(root) in digests
        assert (root / "current" / "run.toml").is_file()
        # A child that began after the children were listed goes on, and is waited for.
        code, answers = release("switch", target, "--watch", "1", "--wait", str(PATIENCE))
        assert code == 0, answers
        assert current_digest(root) == target
        systemd.wait_for(ActiveState="active")
