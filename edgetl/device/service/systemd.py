"""Calls `systemctl` for the unit of edgetl's service, in the system's manager or in the user's."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from edgetl.errors import EdgetlError
from edgetl.text import first_line

UNIT = "edgetl.service"
"""The name of the unit that edgetl installs."""
PROGRAM = "EDGETL_SYSTEMCTL"
"""The environment variable that names the program to call in the place of `systemctl`."""

_BOOTED = Path("/run/systemd/system")
"""The folder that exists if systemd has started this machine."""
_SYSTEM_UNITS = Path("/etc/systemd/system")
_CHANGES = ("daemon-reload", "enable", "disable", "start", "stop", "restart", "reset-failed")
"""The verbs that change the system's manager, for which it asks for the rights of root."""
_SECONDS = 90.0
"""Time after which a call counts as failed, s. No call waits for the service itself but `stop`, which may take as long
as the unit's `TimeoutStopSec`."""


class NoSystemdError(EdgetlError):
    """This machine is not run by systemd, or the user has no manager of their own."""


class Systemd:
    """One unit of the system's manager or of the user's.

    Args:
        user: whether the unit belongs to the user's own manager.
        unit: the unit's name.
    """

    def __init__(self, *, user: bool, unit: str = UNIT) -> None:
        self.user = user
        self.unit = unit
        self._program = shlex.split(os.environ.get(PROGRAM, ""))

    @classmethod
    def installed(cls) -> Systemd | None:
        """Returns the manager whose folder has the unit, the user's first; None if the unit is nowhere."""
        return next((found for user in (True, False) if (found := cls(user=user)).unit_path.is_file()), None)

    @property
    def unit_path(self) -> Path:
        """The file of the unit."""
        if not self.user:
            return _SYSTEM_UNITS / self.unit
        config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        return Path(config) / "systemd" / "user" / self.unit

    def require(self) -> None:
        """Refuses to go on if systemd doesn't run this machine.

        Raises:
            NoSystemdError: systemd is not installed, or has not started this machine.
        """
        if self._program or _BOOTED.is_dir():
            return
        remedy = "have your init system or a supervisor run `edgetl run BUNDLE --config FILE`"
        raise NoSystemdError("this machine is not run by systemd, so it can have no service of systemd", remedy=remedy)

    def version(self) -> int:
        """Returns systemd's version, for example 252.

        Raises:
            NoSystemdError: there is no `systemctl`.
        """
        found = re.search(r"\d+", self._call("--version"))
        return int(found[0]) if found else 0

    def show(self, *properties: str) -> dict[str, str]:
        """Returns properties of the unit by their names; the value of an unknown one is empty or missing.

        Args:
            properties: the names, for example `ActiveState` or `StatusText`.

        Raises:
            EdgetlError: the manager doesn't answer.
        """
        rows = self._call("show", self.unit, "-p", ",".join(properties)).splitlines()
        return {name: value for name, equals, value in (row.partition("=") for row in rows) if equals}

    def reload_units(self) -> None:
        """Makes the manager read the files of its units again."""
        self._call("daemon-reload")

    def enable(self) -> None:
        """Makes the manager start the unit at boot."""
        self._call("enable", self.unit)

    def disable(self) -> None:
        """Undoes `enable`."""
        self._call("disable", self.unit)

    def start(self) -> None:
        """Starts the unit; returns before its first result."""
        self._call("start", "--no-block", self.unit)

    def restart(self) -> None:
        """Stops the unit if it runs, and starts it; returns before both are done."""
        self._call("restart", "--no-block", self.unit)

    def stop(self) -> None:
        """Stops the unit, and waits for its end."""
        self._call("stop", self.unit)

    def reset_failed(self) -> None:
        """Makes the manager forget that the unit failed, and how often it was restarted."""
        self._call("reset-failed", self.unit)

    def _call(self, verb: str, *words: str) -> str:
        """Calls `systemctl` and returns what it printed.

        Raises:
            NoSystemdError: the program does not exist, or the user's manager can't be reached.
            EdgetlError: the call failed, or took too long.
        """
        command = [*self._caller(verb), *(["--user"] if self.user else []), verb, *words]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS,
                check=False,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
            )
        except FileNotFoundError as error:
            what = f"`{command[0]}` is not installed"
            raise NoSystemdError(what, remedy="edgetl's service needs a system with systemd") from error
        except subprocess.TimeoutExpired as error:
            what = f"`systemctl {verb}` hasn't ended within {_SECONDS:.0f} s"
            raise EdgetlError(what, where=self.unit, remedy=f"see `journalctl -u {self.unit}`") from error
        if done.returncode:
            raise self._failure(verb, done.stderr or done.stdout)
        return done.stdout

    def _caller(self, verb: str) -> list[str]:
        if self._program:
            return self._program
        needs_root = not self.user and verb in _CHANGES and os.geteuid() != 0
        return ["sudo", "-n", "systemctl"] if needs_root else ["systemctl"]

    def _environment(self) -> Mapping[str, str]:
        """Returns the environment of a call, in which the user's manager is found also after a login by ssh."""
        runtime = Path("/run/user") / str(os.geteuid())
        missing = self.user and "XDG_RUNTIME_DIR" not in os.environ and runtime.is_dir()
        return os.environ | ({"XDG_RUNTIME_DIR": str(runtime)} if missing else {}) | {"SYSTEMD_COLORS": "0"}

    def _failure(self, verb: str, printed: str) -> EdgetlError:
        """Returns the error for a call that failed, by what it printed."""
        reason = first_line(printed)
        what = f"`systemctl {verb}` failed: {reason}"
        if self.user and "connect to" in reason:
            remedy = "run `loginctl enable-linger` and log in again, or install a service of the system without --user"
            return NoSystemdError(what, where=self.unit, remedy=remedy)
        if not self.user and ("sudo" in reason or "authentication" in reason.lower()):
            remedy = "call edgetl with sudo, or install a service of your own with --user"
            return EdgetlError(what, where=self.unit, remedy=remedy)
        return EdgetlError(what, where=self.unit, remedy=f"see `journalctl -u {self.unit}`")
