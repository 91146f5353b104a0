"""The stand-in for systemctl supervises as systemd does, as far as the tests of the device rely on it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from stand_in import SystemdStandIn

NOTIFY = """
import os, socket, sys, time
def tell(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])
"""


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    with SystemdStandIn(tmp_path, monkeypatch) as made:
        yield made


def unit(tmp_path: Path, code: str, *lines: str) -> str:
    program = tmp_path / "program.py"
    program.write_text(NOTIFY + code)
    return "\n".join(["[Service]", f"ExecStart={sys.executable} {program}", "Restart=on-failure", *lines])


def test_a_service_is_active_once_it_says_that_it_is_ready(systemd, tmp_path):
    code = "time.sleep(0.2); tell('READY=1'); tell('STATUS=results 7, age 4 ms'); time.sleep(60)"
    systemd.write_unit(unit(tmp_path, code, "Type=notify"))
    systemd.call("start", "edgetl")
    systemd.wait_for(ActiveState="active", SubState="running", StatusText="results 7, age 4 ms", NRestarts="0")
    systemd.call("stop", "edgetl")
    systemd.wait_for(ActiveState="inactive", MainPID="0")


@pytest.mark.slow
def test_a_service_that_dies_is_started_again_until_it_dies_too_often(systemd, tmp_path):
    systemd.write_unit(unit(tmp_path, "sys.exit(3)", "StartLimitBurst=3"))
    systemd.call("start", "--no-block", "edgetl.service")
    systemd.wait_for(ActiveState="failed", Result="start-limit-hit", NRestarts="2", ExecMainStatus="3")


def test_the_watchdog_ends_a_service_that_no_longer_feeds_it(systemd, tmp_path):
    code = "tell('READY=1'); tell('WATCHDOG=1'); time.sleep(60)"
    systemd.write_unit(unit(tmp_path, code, "Type=notify", "WatchdogSec=200ms", "Restart=no"))
    systemd.call("start", "edgetl")
    systemd.wait_for(ActiveState="failed", Result="watchdog")


@pytest.mark.slow
def test_units_are_read_again_at_daemon_reload_only(systemd, tmp_path):
    systemd.write_unit(unit(tmp_path, "time.sleep(60)"))
    systemd.call("restart", "edgetl")
    pid = systemd.show()["MainPID"]
    systemd.write_unit("[Service]\nExecStart=/nowhere\n")
    systemd.call("restart", "edgetl")
    assert systemd.show()["MainPID"] not in ("0", pid)
    systemd.call("daemon-reload")
    systemd.call("restart", "--no-block", "edgetl")
    systemd.wait_for(ActiveState="failed", ExecMainStatus="203")


def test_an_unknown_unit_is_not_found(systemd):
    with pytest.raises(subprocess.CalledProcessError):
        systemd.call("start", "edgetl")
    assert systemd.show()["LoadState"] == "not-found"
