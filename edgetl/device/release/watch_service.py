"""Watches the service after a switch: results must come and stay young, and the run must not be started again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from edgetl.device.service.status import ServiceStatus
from edgetl.device.service.systemd import Systemd
from edgetl.errors import GateError

_POLL = 0.5
"""Time between two looks at the service, s."""
_GRACE = 3.0
"""Time for which the service may still have its old state after the call that starts it again, s."""
_MOST_AGE_MS = 5000.0
"""A result may be this old, from the frame's capture on, ms. A slow model gives results that are a second or two old; a
run that can't keep up gives older and older ones."""
_OLD_LOOKS = 3
"""This many looks in a row with results that are too old fail the watch; the first frames may be slow."""
_LONGEST_PAUSE = 15.0
"""The number of results must grow within this time, s."""
_REMEDY = "read why with `edgetl service logs` on the device, correct it, and deploy again"


@dataclass(frozen=True, slots=True)
class Watch:
    """The conditions that a run must meet after a switch.

    Attributes:
        seconds: the time for which the run must give results, from the first one on, s.
        start: the longest time to the first result, s.
        clock: the clock, s.
        sleep: the function that waits for a number of seconds.
    """

    seconds: float = 60.0
    start: float = 60.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def first_result(self, systemd: Systemd, old_pid: int) -> ServiceStatus:
        """Waits for the first result of a run that was started.

        Args:
            systemd: the service.
            old_pid: the number of the process before the start; 0 if there was none.

        Returns:
            The status with the first result.

        Raises:
            GateError: the run ended, or gave no result in time.
        """
        began, seen = self.clock(), False
        while True:
            status = ServiceStatus.read(systemd)
            seen = seen or status.pid not in (0, old_pid)
            if seen and status.active == "active" and status.run is not None:
                return status
            waited = self.clock() - began
            if (seen or waited > _GRACE) and status.pid != (old_pid or None):
                _require_alive(status)
            if waited > self.start:
                raise GateError(f"no result came within {self.start:.0f} s", where=_where(status), remedy=_REMEDY)
            self.sleep(_POLL)

    def results(self, systemd: Systemd, first: ServiceStatus) -> ServiceStatus:
        """Watches the run from its first result on.

        Args:
            systemd: the service.
            first: the status with the first result.

        Returns:
            The last status.

        Raises:
            GateError: the run ended or was started again, or its results stopped or became too old.
        """
        began = grown = self.clock()
        most, latest, old = _results(first), first, 0
        longest = min(_LONGEST_PAUSE, self.seconds)
        while self.clock() - began < self.seconds:
            self.sleep(_POLL)
            latest = ServiceStatus.read(systemd)
            if latest.pid != first.pid or latest.restarts > first.restarts:
                raise GateError("the run ended during its watch", where=_where(latest), remedy=_REMEDY)
            if _results(latest) > most:
                most, grown = _results(latest), self.clock()
            elif self.clock() - grown >= longest:
                what = f"results stopped: none came for {self.clock() - grown:.0f} s"
                raise GateError(what, where=_where(latest), remedy=_REMEDY)
            old = old + 1 if _age_ms(latest) > _MOST_AGE_MS else 0
            if old >= _OLD_LOOKS:
                what = f"the results are {_age_ms(latest):.0f} ms old, and {_MOST_AGE_MS:.0f} are allowed"
                raise GateError(what, where=_where(latest), remedy=_REMEDY)
        return latest


def _results(status: ServiceStatus) -> int:
    return status.run.results if status.run else 0


def _age_ms(status: ServiceStatus) -> float:
    return (status.run.age_ms or 0.0) if status.run else 0.0


def _require_alive(status: ServiceStatus) -> None:
    if status.active in ("failed", "inactive") or status.sub == "auto-restart":
        raise GateError("the run ended before its first result", where=_where(status), remedy=_REMEDY)


def _where(status: ServiceStatus) -> str:
    ended = f", the last run ended with {status.result} {status.exit_code}" if status.result != "success" else ""
    return f"edgetl.service is {status.active} ({status.sub}){ended}"
