"""Reads what a device answers about itself, and chooses the Python for edgetl there."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from edgetl.errors import EdgetlError, UsageError
from edgetl.host.deploy.device_platform import DevicePlatform, NoWheelsError
from edgetl.schema import SchemaError, parse


@dataclass(frozen=True, slots=True)
class DevicePython:
    """One Python of a device.

    Attributes:
        path: path of the program.
        version: its version, e.g. `3.11.2`.
        bits: the width of an address, 32 or 64.
        libc: the C library and its version, e.g. `glibc 2.36`.
        venv: whether it can make environments.
        ensurepip: whether it has pip for them.
    """

    path: str
    version: str
    bits: int
    libc: str
    venv: bool
    ensurepip: bool


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What the workstation must know of a device before it sends anything.

    Attributes:
        host: the device's own name.
        home: the folder of the user there.
        root: whether the user is root.
        arch: the architecture, as `uname -m` prints it.
        pythons: the Pythons that were found.
        systemd: whether the manager of the `system` and that of the `user` answer.
        free: the free space, bytes.
        current: the digest of the release that runs; None if there is none.
        releases: the SHA-256 of each file by its path, by the release's digest.
        envs: the digests of the environments.
        wheels: the SHA-256 of each wheel, by the file's name.
        locked_by: the holder of the lock; None if nobody deploys.
    """

    host: str
    home: str
    root: bool
    arch: str
    pythons: tuple[DevicePython, ...]
    systemd: dict[str, bool]
    free: int
    current: str | None
    releases: dict[str, dict[str, str]]
    envs: tuple[str, ...]
    wheels: dict[str, str]
    locked_by: str | None = None

    @classmethod
    def read(cls, line: str) -> DeviceFacts:
        """Reads the answer of a device; facts that this version does not know are left out.

        Args:
            line: the answer, as JSON.

        Raises:
            EdgetlError: the answer is not valid.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        try:
            rows = json.loads(line)
            return parse(cls, {name: value for name, value in rows.items() if name in names})
        except (ValueError, AttributeError, SchemaError) as error:
            what = f"the device's answer can't be read: {error}"
            raise EdgetlError(what, remedy="check that its shell prints nothing else, and try again") from error

    def platform(self, oldest: str) -> DevicePlatform:
        """Returns the system with the oldest suitable Python, for which there are most wheels.

        Args:
            oldest: the oldest Python that edgetl works with, e.g. `3.11`.

        Raises:
            UsageError: no Python there can make environments.
            NoWheelsError: there are no wheels for any of them.
        """
        able = [python for python in self.pythons if python.venv]
        if not able:
            remedy = "install one there: `sudo apt install python3-venv`"
            raise UsageError("the device has no Python 3 that can make environments", remedy=remedy)
        refused: NoWheelsError | None = None
        for python in sorted(able, key=lambda one: [int(part) for part in one.version.split(".")[:2]]):
            version = ".".join(python.version.split(".")[:2])
            platform = DevicePlatform(version, self.arch, python.libc, python.bits)
            try:
                platform.require_supported(oldest)
            except NoWheelsError as error:
                refused = error
            else:
                return platform
        assert refused is not None
        raise refused
