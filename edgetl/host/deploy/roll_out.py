"""Deploys to several devices: one canary first, then the others, a few at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Literal

from edgetl.errors import EdgetlError, GateError
from edgetl.host.deploy.deployment import Deployment
from edgetl.progress import Progress, current, reporting
from edgetl.text import counted, listed

State = Literal["deployed", "unchanged", "failed", "not tried"]
"""The result of one device; `unchanged` is that of a dry run."""


@dataclass(frozen=True, slots=True)
class HostResult:
    """The result of one device.

    Attributes:
        host: the device, as the user named it.
        state: the result.
        text: the release that runs there, or the reason of the failure.
        exit_code: the exit code of the failure; 0 if there is none.
    """

    host: str
    state: State
    text: str
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class RollOut:
    """The results of all devices, in the order of the list.

    Example:
        >>> import edgetl
        >>> from edgetl.host.deploy.roll_out import HostResult
        >>> print(edgetl.RollOut((HostResult("pi@hall", "deployed", "release 9a52c1d07ce5b1f6"),)))
        pi@hall  deployed   release 9a52c1d07ce5b1f6

    Attributes:
        results: the result of each device; the first one is the canary.
    """

    results: tuple[HostResult, ...]

    def to_dict(self) -> list[dict[str, object]]:
        """Returns JSON-ready values, one row for each device."""
        return [asdict(result) for result in self.results]

    def __str__(self) -> str:
        width = max(len(result.host) for result in self.results)
        return "\n".join(f"{one.host:<{width}}  {one.state:<9}  {one.text}" for one in self.results)

    def require_all(self) -> None:
        """Refuses a roll-out in which a device failed.

        Raises:
            GateError: a device failed at its gate: its earlier release runs again.
            EdgetlError: a device failed otherwise.
        """
        failed = [result for result in self.results if result.state == "failed"]
        if not failed:
            return
        what = f"{counted(len(failed), 'device')} of {len(self.results)} failed: {listed([one.host for one in failed])}"
        if any(one.state == "not tried" for one in self.results):
            what += "; the first one is the canary, so the others were not tried"
        kind = GateError if any(one.exit_code == GateError.exit_code for one in failed) else EdgetlError
        raise kind(what, remedy="follow the reasons in the table, and deploy again")


def roll_out(hosts: Sequence[str], one: Callable[[str], Deployment], parallel: int) -> RollOut:
    """Deploys to the first device, and to the others if that went well.

    Args:
        hosts: the devices; at least one.
        one: a function that deploys to one device.
        parallel: number of devices at once.
    """
    receiver, lock = current(), threading.Lock()

    def attempt(host: str) -> HostResult:
        with reporting(_NamedProgress(receiver, host, lock) if receiver else None):
            try:
                done = one(host)
            except EdgetlError as error:
                return HostResult(host, "failed", error.what, error.exit_code)
        return HostResult(host, "deployed" if done.switched else "unchanged", f"release {done.release}")

    canary, *others = hosts
    first = attempt(canary)
    if first.state == "failed":
        return RollOut((first, *(HostResult(host, "not tried", "the canary failed") for host in others)))
    with ThreadPoolExecutor(max(1, parallel)) as pool:
        return RollOut((first, *pool.map(attempt, others)))


class _NamedProgress:
    """A receiver that puts the device's name before each message.

    Args:
        receiver: the receiver of the messages.
        host: the device.
        lock: the lock that is held while the receiver is called, which several threads do.
    """

    def __init__(self, receiver: Progress, host: str, lock: threading.Lock) -> None:
        self._receiver = receiver
        self._host = host
        self._lock = lock

    def message(self, text: str) -> None:
        """Passes a message on, each line with the device's name."""
        with self._lock:
            self._receiver.message("\n".join(f"{self._host}: {line}" for line in text.splitlines()))

    def advance(self, work: str, done: int, total: int | None, note: str = "") -> None:
        """Passes the state of some work on."""
        with self._lock:
            self._receiver.advance(f"{self._host}: {work}", done, total, note)
