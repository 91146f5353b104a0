"""Reads the names of devices from a list, or from an inventory in ini form such as Ansible's."""

from __future__ import annotations

import re
from pathlib import Path

from edgetl.errors import UsageError
from edgetl.files import local_path, read_regular
from edgetl.host.deploy.destination import parse_destination

_LARGEST = 1 << 20
"""The file has at most this many bytes; ten thousand devices need a third."""
_SETTING = re.compile(r"(\S+?)=(\S+)")
_NO_DEVICES = re.compile(r"\[[^]]*:(vars|children)\]")


def read_hosts(path: Path) -> list[str]:
    """Returns the devices in the order of the file, each once.

    A line is a device as the ssh command takes it. After it may stand `ansible_host=`, `ansible_user=` and
    `ansible_port=`. Headings of groups and comments are left out.

    Args:
        path: the file.

    Raises:
        UsageError: the file can't be read, names no device, or has a line that can't name one.
    """
    try:
        text = read_regular(local_path(path), _LARGEST).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        remedy = "name a text file with one device a line"
        raise UsageError(f"the list of devices can't be read: {reason}", where=str(path), remedy=remedy) from error
    found: dict[str, None] = {}
    named = True
    for line in (re.sub(r"(^|\s)[#;].*", "", line).strip() for line in text.splitlines()):
        if line.startswith("["):
            named = not _NO_DEVICES.fullmatch(line)
        elif line and named:
            found[_device(line)] = None
    for name in found:
        parse_destination(name)  # before the first device is asked
    if not found:
        raise UsageError("the list names no device", where=str(path), remedy="write one device a line, such as pi@hall")
    return list(found)


def _device(line: str) -> str:
    name, *words = line.split()
    settings = {match[1]: match[2] for word in words if (match := _SETTING.fullmatch(word))}
    name = settings.get("ansible_host", name)
    if user := settings.get("ansible_user"):
        name = f"{user}@{name.rpartition('@')[2]}"
    port = settings.get("ansible_port")
    return f"ssh://{name}:{port}" if port else name
