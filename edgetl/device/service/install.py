"""Installs and removes the service: writes the unit, and makes systemd start it now and at boot."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

from edgetl.device.service.accounts import acting_as
from edgetl.device.service.plan import ServiceOptions, ServicePlan, plan_service
from edgetl.device.service.status import ServiceStatus, installed_service
from edgetl.device.service.systemd import PROGRAM, Systemd
from edgetl.errors import EdgetlError
from edgetl.files import friendly_os_errors, write_atomic
from edgetl.text import first_line

_STARTING = 15.0
"""Time that the installation waits for the first result, s. A camera may come later, which is no failure."""
_MANAGER = 10.0
"""Time that the user's manager may take to start after it was asked for, s."""
_POLL = 0.2
"""Time between two looks at the service, s."""


def install_service(
    options: ServiceOptions, confirm: Callable[[ServicePlan], bool] | None = None
) -> ServiceStatus | None:
    """Writes a systemd unit that keeps a run alive, and starts it now and at boot; see `edgetl service install`.

    Example:
        >>> import edgetl
        >>> status = edgetl.install_service(edgetl.ServiceOptions(bundle="parts", user=True))
        >>> status.enabled
        True

    Args:
        options: the bundle, the options of the run, and the manager.
        confirm: a function that gets the plan and says whether it is carried out; None carries it out.

    Returns:
        The state of the service after its first result, or after 15 s; None if the plan was not confirmed.

    Raises:
        UsageError: there is no such bundle or user, or a secret's file can be read by others.
        EdgetlError: this machine has no systemd, a file can't be written, or the service can't be started.
    """
    plan = plan_service(options)
    if confirm is not None and not confirm(plan):
        return None
    _write(plan)
    systemd = plan.systemd
    if systemd.user:
        _start_manager(plan.owner.name)
    systemd.reload_units()
    systemd.enable()
    systemd.restart()
    return _wait(systemd)


def _write(plan: ServicePlan) -> None:
    """Writes the files of a plan; those below `~/edgetl` as the user who owns them."""
    folder = plan.owner.folder
    with acting_as(plan.owner), friendly_os_errors(folder):
        folder.mkdir(exist_ok=True)
        (folder / "secrets").mkdir(mode=0o700, exist_ok=True)
        (folder / "cache").mkdir(exist_ok=True)
        if plan.config is not None:
            write_atomic(plan.config, plan.config_text)
    write_atomic(plan.systemd.unit_path, plan.unit_text)


def _start_manager(name: str) -> None:
    """Makes systemd run the user's manager from boot on, also while the user is not logged in.

    Args:
        name: the user's name.

    Raises:
        EdgetlError: systemd refuses, or the manager doesn't start.
    """
    if os.environ.get(PROGRAM):  # a stand-in has no manager
        return
    done = subprocess.run(["loginctl", "enable-linger", name], capture_output=True, text=True, check=False)
    if done.returncode:
        what = f"your services would end when you log out: {first_line(done.stderr)}"
        raise EdgetlError(what, remedy=f"run `sudo loginctl enable-linger {name}`, then install the service again")
    until = monotonic() + _MANAGER
    while not Path(f"/run/user/{os.geteuid()}/bus").exists() and monotonic() < until:
        sleep(_POLL)


def _wait(systemd: Systemd) -> ServiceStatus:
    """Waits for the first result for a while, and returns the state."""
    until = monotonic() + _STARTING
    while True:
        status = ServiceStatus.read(systemd)
        if status.active != "activating" or status.restarts or monotonic() > until:
            return status
        sleep(_POLL)


def uninstall_service() -> Path:
    """Stops the installed service and removes its unit; everything in `~/edgetl` stays.

    Example:
        >>> import edgetl
        >>> edgetl.uninstall_service().name
        'edgetl.service'

    Returns:
        The path of the unit that was removed.

    Raises:
        UsageError: no service is installed.
        EdgetlError: the rights of root are needed, or systemd doesn't answer.
    """
    systemd = installed_service()
    path = systemd.unit_path
    if not os.access(path.parent, os.W_OK):
        raise EdgetlError(
            "a service of the system needs the rights of root", where=str(path), remedy="call it with sudo"
        )
    systemd.stop()
    systemd.disable()
    with friendly_os_errors(path):
        path.unlink()
    systemd.reload_units()
    with suppress(EdgetlError):  # there may be nothing to forget
        systemd.reset_failed()
    return path
