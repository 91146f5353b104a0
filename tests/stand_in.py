"""Puts the stand-in for systemctl into a test's environment."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "stand_in_systemctl.py"
PATIENCE = 30.0
"""Time that a state may take to come, s; a test waits for the state and not for the time."""


class SystemdStandIn:
    """A systemd of a user whose home is a folder of the test; at the end of the block, every service is stopped.

    Attributes:
        state: the folder with the log of each service, `edgetl.service.log`, and `commands.log`.
        units: the folder of the user's units.
    """

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, restart_seconds: float = 0.05) -> None:
        self.state, self.units = home / ".stand-in-systemd", home / ".config" / "systemd" / "user"
        self.units.mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
        monkeypatch.setenv("EDGETL_SYSTEMCTL", f"{sys.executable} -I {PROGRAM}")
        monkeypatch.setenv("STAND_IN_RESTART_SECONDS", str(restart_seconds))

    def __enter__(self) -> SystemdStandIn:
        return self

    def __exit__(self, *_: object) -> None:
        self.call("stand-in-exit")

    def write_unit(self, text: str, name: str = "edgetl.service") -> None:
        (self.units / name).write_text(text)

    def call(self, *words: str) -> str:
        command = [sys.executable, "-I", str(PROGRAM), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout

    def show(self, name: str = "edgetl.service") -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.call("show", name).splitlines())

    def wait_for(self, **wanted: str) -> None:
        until = time.monotonic() + PATIENCE
        while not wanted.items() <= self.show().items():
            assert time.monotonic() < until, self.show()
            time.sleep(0.05)
