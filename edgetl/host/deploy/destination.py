"""Reads the name of a device as the ssh command takes it."""

from __future__ import annotations

import re

from edgetl.errors import UsageError
from edgetl.text import printable

_URL = re.compile(r"ssh://(?P<name>[^/]+?)(?::(?P<port>\d+))?/?")
_NAME = re.compile(r"(?:[\w.][\w.+-]*@)?[\w.\[][\w.:%\]-]*")
"""A user and a host, neither of which begins with a dash: ssh would take it for an option."""


def parse_destination(host: str) -> tuple[str, list[str]]:
    """Returns the device's name for ssh, `host` or `user@host`, and the options for the port of an address.

    Args:
        host: a name of ~/.ssh/config, `user@host`, or `ssh://user@host:port`.

    Raises:
        UsageError: the text can't name a device.
    """
    address = _URL.fullmatch(host)
    name, port = (address["name"], address["port"]) if address else (host, None)
    if not _NAME.fullmatch(name):
        remedy = "write a name of ~/.ssh/config, user@host, or ssh://user@host:port"
        raise UsageError(f"{printable(host[:80])!r} can't be the name of a device", remedy=remedy)
    return name.replace("[", "").replace("]", ""), ["-p", port] if port else []
