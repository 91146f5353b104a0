"""Says to the service manager how a run is doing: ready after the first result, alive as long as results come.

systemd sets the environment variable NOTIFY_SOCKET for a unit of `Type=notify`, and WATCHDOG_USEC if the unit has a
`WatchdogSec`. The messages are those of sd_notify(3): lines of text in one datagram.

The watchdog is fed by results, never by a timer, so that it fires when the process lives and results have stopped. A
camera that is lost has a limit of its own, `give_up`, after which the run ends by itself. Until then the run waits on
purpose, so the loss of the camera makes the watchdog wait for as long, once; the next result sets the old time again.
"""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Self

from edgetl.device.events import Event
from edgetl.device.observation import Observation

logger = logging.getLogger(__name__)

SOCKET = "NOTIFY_SOCKET"
"""The environment variable with the address of the manager's socket."""
_WATCHDOG, _WATCHDOG_PROCESS = "WATCHDOG_USEC", "WATCHDOG_PID"

_PAUSE = 1.0
"""Shortest time between two messages about results, s; a manager need not read one for each frame."""
_TURNS = 4
"""Messages that the manager gets in the watchdog's time at least, if results come fast enough."""
_MARGIN = 30.0
"""Time that a run may take longer to start, or to give a lost camera up, than its own limits, s."""
_STATUS = re.compile(r"results (\d+), (?:age (\d+) ms|camera lost)")


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The status of a run, as its manager shows it.

    Example:
        >>> RunStatus.parse("results 1234, age 45 ms")
        RunStatus(results=1234, age_ms=45.0)

    Attributes:
        results: the number of results since the run began.
        age_ms: the largest age of a result since the status before, ms; None while the camera is lost.
    """

    results: int
    age_ms: float | None

    def __str__(self) -> str:
        return f"results {self.results}, " + ("camera lost" if self.age_ms is None else f"age {self.age_ms:.0f} ms")

    @classmethod
    def parse(cls, text: str) -> RunStatus | None:
        """Returns the status that a text states, such as systemd's StatusText; None if it states none."""
        found = _STATUS.fullmatch(text)
        return cls(int(found[1]), float(found[2]) if found[2] else None) if found else None


@dataclass(frozen=True, slots=True)
class RunLimits:
    """The times that a run may take on purpose.

    Attributes:
        opening: time until the first result, s.
        silence: time between two results that is no reason to restart the run, s.
        loss: time that a lost camera may take to come back, s.
    """

    opening: float
    silence: float
    loss: float


class ServiceNotifier:
    """A sink that sends messages to the service manager. It must be the last sink, so that a hanging one stops it.

    A message that can't be sent is no reason to end a run; it is left out.

    Args:
        address: the socket's path, or its abstract name after an `@`.
        watchdog: time without a message after which the manager ends the process, s; None if it has no watchdog.
        limits: the times that the run may take on purpose.
    """

    def __init__(self, address: str, watchdog: float | None, limits: RunLimits) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)  # a manager that hangs must not hold up the run
        self._limits = limits
        self._watchdog = None if watchdog is None else max(watchdog, limits.silence)
        self._pause = _PAUSE if watchdog is None else min(_PAUSE, watchdog / _TURNS)
        self._watchdog_is_set = self._watchdog == watchdog
        self._is_ready = self._warned = False
        self._results, self._oldest_ms, self._next = 0, 0.0, 0.0
        self._send("STATUS=starting", f"EXTEND_TIMEOUT_USEC={_usec(limits.opening + _MARGIN)}")

    @classmethod
    def from_environment(cls, limits: RunLimits, environment: Mapping[str, str] = os.environ) -> Self | None:
        """Returns the notifier of this process; None if no service manager has started it.

        Args:
            limits: the times that the run may take on purpose.
            environment: the environment variables.
        """
        address = environment.get(SOCKET, "")
        if not address.startswith(("/", "@")):
            return None
        microseconds = environment.get(_WATCHDOG, "")
        is_mine = environment.get(_WATCHDOG_PROCESS, str(os.getpid())) == str(os.getpid())
        watchdog = int(microseconds) / 1e6 if is_mine and microseconds.isdecimal() else 0.0
        return cls(address, watchdog or None, limits)

    def __enter__(self) -> Self:
        return self

    def write(self, observation: Observation) -> None:
        """Counts a result, and sends the state of the run if the last message is some time ago."""
        self._results += 1
        self._oldest_ms = max(self._oldest_ms, observation.age_ms)
        now = monotonic()
        if now < self._next:
            return
        self._next = now + self._pause
        lines = [f"STATUS={RunStatus(self._results, self._oldest_ms)}"]
        if not self._is_ready:
            lines.append("READY=1")
        if self._watchdog is not None:
            lines += ["WATCHDOG=1"] if self._watchdog_is_set else ["WATCHDOG=1", self._watchdog_line(self._watchdog)]
        if self._send(*lines):
            self._is_ready = self._watchdog_is_set = True
            self._oldest_ms = 0.0

    def notify(self, event: Event) -> None:
        """Says that the camera is lost, and makes the watchdog wait as long as the run does."""
        if event.kind != "camera_lost":
            return
        self._next = 0.0
        lines = [f"STATUS={RunStatus(self._results, None)}"]
        if self._watchdog is not None:
            self._watchdog_is_set = False
            lines += ["WATCHDOG=1", self._watchdog_line(max(self._watchdog, self._limits.loss + _MARGIN))]
        self._send(*lines)

    def _watchdog_line(self, seconds: float) -> str:
        return f"WATCHDOG_USEC={_usec(seconds)}"

    def _send(self, *lines: str) -> bool:
        """Sends lines in one datagram; returns whether that was possible."""
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except (OSError, ValueError) as error:
            if not self._warned:
                logger.warning("the service manager can't be reached: %s", error)
            self._warned = True
            return False
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the socket."""
        self._socket.close()


def _usec(seconds: float) -> int:
    return round(seconds * 1e6)
