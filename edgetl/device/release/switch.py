"""Switches the service to another release, watches it, and returns to the earlier one by itself if it fails."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from edgetl.device.release.current import point_back, point_to
from edgetl.device.release.deploy_log import DeployLog
from edgetl.device.release.device_facts import current_digest
from edgetl.device.release.digests import read_release
from edgetl.device.release.history import BY_HAND, PROVED, ROLLED_BACK, add_switch, is_proved, last_proved, predecessor
from edgetl.device.release.make_env import is_complete
from edgetl.device.release.prove import find_release, require_proof
from edgetl.device.release.watch_service import Watch
from edgetl.device.service.status import ServiceStatus
from edgetl.device.service.systemd import Systemd
from edgetl.errors import EdgetlError, UsageError
from edgetl.files import friendly_os_errors
from edgetl.text import first_line

_LEAST_FREE = 4 << 20
"""A switch needs this much free space, bytes, for its links, its history and the log."""

Install = Callable[[], Systemd]
"""A function that installs and starts the service of the current release."""


@dataclass(frozen=True, slots=True)
class ReleaseSwitch:
    """Switches this device from one release to another.

    Attributes:
        root: the folder `~/edgetl`.
        log: the log of the deployment.
        watch: the conditions that a run must meet after a switch.
        install: the function that installs the service if there is none; None refuses to switch without a service.
        find_service: the function that returns the installed service; None if there is none.
    """

    root: Path
    log: DeployLog
    watch: Watch = field(default_factory=Watch)
    install: Install | None = None
    find_service: Callable[[], Systemd | None] = Systemd.installed

    def switch(self, digest: str) -> dict[str, object]:
        """Makes a release the current one, and keeps it if it gives results for the time of the watch.

        Args:
            digest: the release's digest.

        Returns:
            JSON-ready values: `release`, `previous` (a digest or null) and `changed` (False if the release was the
            current one and is running).

        Raises:
            UsageError: there is no such release or no service, or the release's environment is not complete.
            ModelError: a file of the release was altered.
            GateError: the golden replay failed, or the run did; in the second case the earlier release is back.
            EdgetlError: the disk is full.
        """
        require_proof(self.root, digest, self.log)
        self._require_ready(digest)
        before = current_digest(self.root)
        back = self._way_back(digest, before)
        if before == digest and is_proved(self.root, digest) and self._is_running():
            self.log.step("switch", f"{digest} is the current release already, and gives results")
            return {"release": digest, "previous": back, "changed": False}
        self.log.step("switch", f"from {before or 'no release'} to {digest}")
        point_to(self.root, digest, back)
        try:
            self._start_and_watch(first=back is None)
        except EdgetlError as error:
            raise self._return(digest, back, error) from error
        except (OSError, ValueError) as error:
            raise self._return(digest, back, EdgetlError(first_line(error))) from error
        add_switch(self.root, digest, back, PROVED)
        return {"release": digest, "previous": back, "changed": True}

    def rollback(self) -> dict[str, object]:
        """Makes the release current that ran before the current one; its first result is waited for.

        Returns:
            JSON-ready values: `release` and `previous`.

        Raises:
            UsageError: there is no earlier release, or no service.
            ModelError: a file of the earlier release was altered.
            GateError: the earlier release gives no results; it stays the current one.
        """
        current, earlier = current_digest(self.root), self.rollback_target()
        if earlier is None:
            what = "there is no earlier release to return to"
            raise UsageError(what, where=str(self.root), remedy="deploy the release that you want")
        find_release(self.root, earlier)
        self._require_ready(earlier)
        self.log.step("rollback", f"from {current or 'no release'} to {earlier}")
        point_to(self.root, earlier, None)
        add_switch(self.root, earlier, current, BY_HAND)
        self._start_and_watch(first=False)
        return {"release": earlier, "previous": current}

    def rollback_target(self) -> str | None:
        """Returns the digest of the release that `rollback` returns to; None if there is none."""
        current = current_digest(self.root)
        if current is not None and not is_proved(self.root, current):  # its watch was interrupted
            return last_proved(self.root, current)
        return predecessor(self.root, current)

    def _require_ready(self, digest: str) -> None:
        """Checks everything that a switch needs before anything is changed."""
        env = self.root / "envs" / read_release(self.root / "releases" / digest).env
        if not is_complete(env):
            what = "the release's environment is not complete"
            raise UsageError(what, where=str(env), remedy="deploy the release again")
        systemd = self.find_service()
        if systemd is None and self.install is None:
            raise UsageError("no service is installed here", remedy="install it with `edgetl service install`")
        if systemd is not None and not self._runs_current(systemd):
            what, remedy = "the installed service runs something else", "remove it with `edgetl service uninstall`"
            raise UsageError(what, where=str(systemd.unit_path), remedy=f"{remedy}, and deploy again")
        if shutil.disk_usage(self.root).free < _LEAST_FREE:
            what = "the disk is full: a switch could not be undone"
            raise EdgetlError(what, where=str(self.root), remedy="free some space there, and deploy again")

    def _runs_current(self, systemd: Systemd) -> bool:
        """Says whether a service runs the current release, rather than a bundle that the user chose for it."""
        with friendly_os_errors(systemd.unit_path):
            text = systemd.unit_path.read_text(encoding="utf-8", errors="replace")
        return f"{self.root / 'current'}/" in text.replace("%%", "%")

    def _way_back(self, digest: str, before: str | None) -> str | None:
        """Returns the release to return to if this one fails: the current one, unless it has not proved itself."""
        there = before is not None and (self.root / "releases" / before).is_dir()
        if before != digest and there and is_proved(self.root, str(before)):
            return before
        proved = last_proved(self.root, digest)
        return proved or (before if there and before != digest else None)

    def _start_and_watch(self, *, first: bool) -> None:
        """Starts the current release and watches it; the first one also at boot from now on."""
        systemd = self.find_service()
        old_pid = 0
        if systemd is None:
            systemd = self._installed()
        else:
            old_pid = ServiceStatus.read(systemd).pid
            if first:
                systemd.enable()
            systemd.restart()
        began = self.watch.clock()
        state = self.watch.first_result(systemd, old_pid)
        self.log.step("watch", f"the first result came after {self.watch.clock() - began:.0f} s")
        if self.watch.seconds:
            last = self.watch.results(systemd, state)
            self.log.step("watch", f"{self.watch.seconds:.0f} s without a fault: {last.run}")

    def _installed(self) -> Systemd:
        if self.install is None:
            raise UsageError("no service is installed here", remedy="install it with `edgetl service install`")
        systemd = self.install()
        self.log.step("service", "the service was installed")
        return systemd

    def _return(self, digest: str, back: str | None, error: EdgetlError) -> EdgetlError:
        """Makes the earlier release current after a failure, and returns the error to raise, of the same class."""
        self.log.step("rollback", f"{digest} failed: {error.what}", where=error.where)
        point_back(self.root)
        with suppress(EdgetlError):  # the outcome counts more than its record
            add_switch(self.root, digest, back, ROLLED_BACK)
        if back is None:
            self._stop()
            end = "there is no earlier release to return to, so the service was stopped"
        else:
            end = self._restart_earlier(back)
        self.log.step("rollback", end)
        return type(error)(f"{error.what}; {end}", where=error.where, remedy=error.remedy)

    def _stop(self) -> None:
        systemd = self.find_service()
        with suppress(EdgetlError):
            if systemd is not None:
                systemd.stop()
                systemd.disable()

    def _restart_earlier(self, back: str) -> str:
        try:
            systemd = self.find_service()
            if systemd is None:
                return f"{back} is current again, without a service"
            old_pid = ServiceStatus.read(systemd).pid
            systemd.restart()
            self.watch.first_result(systemd, old_pid)
        except EdgetlError as error:
            return f"the earlier release {back} is current again, but: {error.what}"
        return f"the earlier release {back} is back and gives results"

    def _is_running(self) -> bool:
        """Says whether the installed service gives results."""
        with suppress(EdgetlError):
            systemd = self.find_service()
            status = ServiceStatus.read(systemd) if systemd else None
            return status is not None and status.active == "active" and status.run is not None
        return False
