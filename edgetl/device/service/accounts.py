"""Finds the user that a service of the system runs as, and works as that user for a moment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgetl.device.service.unit import Account
from edgetl.errors import UsageError

_DEVICE_GROUPS = ("video", "gpio", "render")
"""The groups that own cameras, pins and renderers, if they exist on a machine."""
FOLDER = "edgetl"
"""The folder below the user's home in which everything is kept that a device needs."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The user whose `~/edgetl` a service works in.

    Attributes:
        name: the user's name.
        uid: the user's number.
        gid: the number of the user's own group.
        home: the user's home folder.
    """

    name: str
    uid: int
    gid: int
    home: Path

    @property
    def folder(self) -> Path:
        """The folder `~/edgetl`."""
        return self.home / FOLDER

    @property
    def account(self) -> Account:
        """The user and the groups of devices, as a unit states them."""
        return Account(self.name, device_groups())


def this_user() -> Owner:
    """Returns the user that this process runs as."""
    import pwd

    entry = pwd.getpwuid(os.geteuid())
    return Owner(entry.pw_name, entry.pw_uid, entry.pw_gid, Path.home())


def owner_named(name: str | None) -> Owner:
    """Returns the user that a service of the system is to run as.

    Args:
        name: the user's name; None takes the user who called sudo.

    Raises:
        UsageError: there is no such user, it is root, or no user is known.
    """
    import pwd

    remedy = "name an ordinary user with --account, for example pi"
    chosen = name or os.environ.get("SUDO_USER", "")
    if not chosen:
        raise UsageError("it isn't known which user the service is to run as", remedy=remedy)
    try:
        entry = pwd.getpwnam(chosen)
    except KeyError as error:
        raise UsageError("there is no such user on this machine", where=chosen, remedy=remedy) from error
    if entry.pw_uid == 0:
        raise UsageError("the service doesn't run as root: a run needs none of its rights", remedy=remedy)
    return Owner(entry.pw_name, entry.pw_uid, entry.pw_gid, Path(entry.pw_dir))


def device_groups() -> tuple[str, ...]:
    """Returns the groups of this machine that own cameras, pins and renderers."""
    import grp

    known = {entry.gr_name for entry in grp.getgrall()}
    return tuple(name for name in _DEVICE_GROUPS if name in known)


def missing_groups() -> tuple[str, ...]:
    """Returns the groups of devices that the user of this process doesn't belong to."""
    import grp

    mine = {*os.getgroups(), os.getegid()}
    return tuple(name for name in device_groups() if grp.getgrnam(name).gr_gid not in mine)


@contextmanager
def acting_as(owner: Owner) -> Iterator[None]:
    """Reads and writes files as a user within the block, if this process is root's.

    What root writes into a user's folders would belong to root; and a link that the user has put there could lead root
    to a file anywhere.

    Args:
        owner: the user.
    """
    if os.geteuid() == owner.uid:
        yield
        return
    uid, gid, groups = os.geteuid(), os.getegid(), os.getgroups()
    os.initgroups(owner.name, owner.gid)
    os.setegid(owner.gid)
    os.seteuid(owner.uid)
    try:
        yield
    finally:
        os.seteuid(uid)
        os.setegid(gid)
        os.setgroups(groups)
