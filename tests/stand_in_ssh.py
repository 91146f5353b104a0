"""A stand-in for the ssh command: it runs the command on this machine, in a folder that is the device's home."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

_SCRIPT = """#!/bin/sh
printf '%s\\n' "$*" >>"@devices@/calls"
while [ $# -gt 0 ]; do
  case "$1" in -o|-p|-l|-F) shift 2 ;; --) shift; break ;; -*) shift ;; *) break ;; esac
done
home="@devices@/${1##*@}"
shift
if [ ! -d "$home" ]; then
  echo "ssh: Could not resolve hostname: Name or service not known" >&2
  exit 255
fi
cd "$home" || exit 255
exec env -i HOME="$home" PATH="@path@" LANG=C.UTF-8 $(cat "$home/.environment" 2>/dev/null) sh -c "$*"
"""


@dataclass(frozen=True)
class Devices:
    """The devices that the stand-in reaches, each a home folder of its name.

    Attributes:
        folder: the folder of the homes, and of the file `calls` with the words of each call.
    """

    folder: Path

    def add(self, name: str, **variables: str) -> Path:
        """Adds a device and returns its home.

        Args:
            name: the name by which it is reached, with any user.
            variables: variables of its environment, without blanks.
        """
        home = self.folder / name
        home.mkdir()
        (home / ".environment").write_text(" ".join(f"{key}={value}" for key, value in variables.items()))
        return home

    @property
    def calls(self) -> list[str]:
        """The words of each call until now."""
        return (self.folder / "calls").read_text().splitlines()


def install(patch: pytest.MonkeyPatch, folder: Path, *, path: str | None = None) -> Devices:
    """Has edgetl use the stand-in.

    Args:
        patch: what sets the variable, and resets it.
        folder: a folder, which is made.
        path: the devices' PATH; None takes this process's.
    """
    folder.mkdir()
    script = folder / "ssh"
    script.write_text(_SCRIPT.replace("@devices@", str(folder)).replace("@path@", path or os.environ["PATH"]))
    script.chmod(0o755)
    patch.setenv("EDGETL_SSH", str(script))
    return Devices(folder)
