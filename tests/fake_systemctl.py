"""A program in the place of `systemctl`: it writes down how it is called, and answers what a test has it answer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHOWN = """\
ActiveState=active
SubState=running
UnitFileState=enabled
Result=success
ExecMainStatus=0
ExecMainStartTimestamp=Sat 2026-11-28 18:56:29 UTC
NRestarts=0
MainPID=127
MemoryCurrent=214000000
StatusText=results 1234, age 45 ms
"""
"""What `systemctl show` prints of a service that runs well."""

_SCRIPT = """\
#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
[ "$1" = --user ] && shift
case "$1" in
  --version) echo "systemd $(cat "$here/version") (of a test)" ;;
  show) cat "$here/shown" ;;
esac
if [ -e "$here/error" ]; then cat "$here/error" >&2; exit 1; fi
"""


class FakeSystemctl:
    """The program, in a folder of the test's."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, version: int = 252):
        self.folder = folder
        folder.mkdir()
        (folder / "systemctl").write_text(_SCRIPT)
        (folder / "systemctl").chmod(0o755)
        (folder / "version").write_text(str(version))
        self.show(SHOWN)
        patch.setenv("EDGETL_SYSTEMCTL", str(folder / "systemctl"))
        patch.setenv("HOME", str(folder / "home"))
        patch.delenv("XDG_CONFIG_HOME", raising=False)
        patch.delenv("SUDO_USER", raising=False)
        (folder / "home").mkdir()

    @property
    def unit(self) -> Path:
        """The unit of the user's own manager."""
        return self.folder / "home/.config/systemd/user/edgetl.service"

    @property
    def calls(self) -> list[str]:
        """The arguments of each call that changed something."""
        file = self.folder / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line for line in lines if "show" not in line.split() and "--version" not in line]

    def show(self, text: str) -> None:
        """Makes `systemctl show` print a text."""
        (self.folder / "shown").write_text(text)

    def fail(self, message: str) -> None:
        """Makes every call fail with a message."""
        (self.folder / "error").write_text(message)


def be_ordinary_user(patch: pytest.MonkeyPatch) -> None:
    """Makes edgetl take this process for one of a user who isn't root, whose files it writes as before."""
    if os.geteuid() == 0:
        patch.setattr(os, "geteuid", lambda: 65534)
