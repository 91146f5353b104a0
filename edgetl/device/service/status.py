"""Reads how the installed service is doing, and what it has logged."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from edgetl.device.service.notify import RunStatus
from edgetl.device.service.systemd import NoSystemdError, Systemd
from edgetl.errors import EdgetlError, UsageError
from edgetl.text import first_line

_PROPERTIES = (
    "ActiveState",
    "SubState",
    "UnitFileState",
    "Result",
    "ExecMainStatus",
    "ExecMainStartTimestamp",
    "NRestarts",
    "MainPID",
    "MemoryCurrent",
    "StatusText",
)


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """The state of the service at one moment.

    Example:
        >>> import edgetl
        >>> status = edgetl.service_status()
        >>> status.active
        'active'

    Attributes:
        unit: the file of the unit.
        user: whether the unit belongs to the user's own manager.
        active: systemd's ActiveState, such as `active`, `activating` or `failed`.
        sub: systemd's SubState, such as `running` or `auto-restart`.
        enabled: whether the service starts at boot.
        result: the reason of the last end, such as `success`, `exit-code` or `watchdog`.
        exit_code: the exit code or signal of the last end; 0 before the first.
        started: the time of the last start, as systemd writes it; empty before the first.
        restarts: the number of times that systemd has started the run again by itself.
        pid: the number of the run's process; 0 if it doesn't run.
        memory_mb: the memory that the run takes, MB; None if systemd doesn't count it.
        run: the run's own status; None before its first result.
    """

    unit: Path
    user: bool
    active: str
    sub: str
    enabled: bool
    result: str
    exit_code: int
    started: str
    restarts: int
    pid: int
    memory_mb: float | None
    run: RunStatus | None

    @classmethod
    def read(cls, systemd: Systemd) -> ServiceStatus:
        """Returns the status of a unit.

        Args:
            systemd: the unit and its manager.

        Raises:
            EdgetlError: the manager doesn't answer.
        """
        found = systemd.show(*_PROPERTIES)
        memory = found.get("MemoryCurrent", "")
        return cls(
            unit=systemd.unit_path,
            user=systemd.user,
            active=found.get("ActiveState", ""),
            sub=found.get("SubState", ""),
            enabled=found.get("UnitFileState", "").startswith("enabled"),
            result=found.get("Result", ""),
            exit_code=_number(found.get("ExecMainStatus", "")),
            started=found.get("ExecMainStartTimestamp", ""),
            restarts=_number(found.get("NRestarts", "")),
            pid=_number(found.get("MainPID", "")),
            memory_mb=_number(memory) / 1e6 if memory.isdecimal() and _number(memory) < 1 << 60 else None,
            run=RunStatus.parse(found.get("StatusText", "")),
        )

    def __str__(self) -> str:
        lines = [f"{self.active} ({self.sub}), {'starts' if self.enabled else 'does not start'} at boot"]
        if self.started:
            lines.append(f"started {self.started}; {self.restarts} restarts since it was started by hand")
        if self.run is not None:
            lines.append(str(self.run))
        if self.result not in ("", "success"):
            lines.append(f"the last run ended with: {self.result} {self.exit_code}")
        if self.pid:
            memory = "" if self.memory_mb is None else f", {self.memory_mb:.0f} MB of memory"
            lines.append(f"process {self.pid}{memory}")
        return "\n".join([*lines, f"unit {self.unit}"])

    def to_dict(self) -> dict[str, object]:
        """Returns JSON-ready values."""
        return {**asdict(self), "unit": str(self.unit)}


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def installed_service() -> Systemd:
    """Returns the unit that is installed on this machine, the user's own first.

    Raises:
        UsageError: no service is installed.
    """
    found = Systemd.installed()
    if found is None:
        raise UsageError("no service is installed on this machine", remedy="run `edgetl service install BUNDLE`")
    found.require()
    return found


def service_status() -> ServiceStatus:
    """Returns the state of the installed service; see `edgetl service status`.

    Example:
        >>> import edgetl
        >>> edgetl.service_status().restarts
        0

    Raises:
        UsageError: no service is installed.
        EdgetlError: systemd doesn't answer.
    """
    return ServiceStatus.read(installed_service())


def service_logs(lines: int = 50, *, follow: bool = False) -> Iterator[str]:
    """Yields the lines that the installed service has logged, the oldest first; see `edgetl service logs`.

    Example:
        >>> import edgetl
        >>> last = list(edgetl.service_logs(10))

    Args:
        lines: the number of lines to go back.
        follow: whether to wait for further lines, for ever.

    Raises:
        UsageError: no service is installed.
        EdgetlError: the journal can't be read.
    """
    systemd = installed_service()
    selector = "--user-unit" if systemd.user else "--unit"
    command = ["journalctl", f"{selector}={systemd.unit}", f"--lines={lines}", "--output=short-iso", "--no-pager"]
    try:
        process = subprocess.Popen(
            [*command, *(["--follow"] if follow else [])],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
    except FileNotFoundError as error:
        raise NoSystemdError("`journalctl` is not installed", remedy="install systemd's journal") from error
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            yield from (line.rstrip("\n") for line in process.stdout)
            if process.wait():
                what = f"the journal can't be read: {first_line(process.stderr.read())}"
                raise EdgetlError(what, remedy="sudo usermod -aG systemd-journal $USER")
        finally:
            process.kill()
