"""Installs the service that runs the current release, when the first release is switched to."""

from __future__ import annotations

import os
import subprocess
import sys

from edgetl.device.service.install import install_service
from edgetl.device.service.plan import ServiceOptions
from edgetl.device.service.systemd import Systemd
from edgetl.errors import EdgetlError
from edgetl.text import first_line


def install_own() -> Systemd:
    """Installs a service of the user's own manager.

    Raises:
        EdgetlError: systemd refuses.
    """
    install_service(ServiceOptions(user=True))
    return Systemd(user=True)


def install_for_system() -> Systemd:
    """Installs a service of the system, with the rights of root or through `sudo -n`, which asks for no password.

    Raises:
        EdgetlError: the user may not, or systemd refuses.
    """
    if os.geteuid() == 0:
        install_service(ServiceOptions())
        return Systemd(user=False)
    command = ["sudo", "-n", sys.executable, "-m", "edgetl", "service", "install", "--yes"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise EdgetlError("`sudo` is not installed", remedy="use a service of your own user") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        what = f"the service can't be installed: {first_line(lines[-1])}"
        raise EdgetlError(what, remedy="use a service of your own user, or allow sudo without a password")
    return Systemd(user=False)
