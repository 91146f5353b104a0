"""Turns what ssh, rsync or a command on a device said into an error with a remedy."""

from __future__ import annotations

from collections.abc import Sequence

from edgetl.errors import EdgetlError
from edgetl.text import first_line

LOST = 255
"""The exit status with which ssh says that the connection failed or was lost; the status of a command is below it."""

_CONNECTION = (
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", "the device has another key than before; if it was installed anew, run "
     "`ssh-keygen -R {name}`, then `ssh {host}` once, and compare the key"),
    ("Host key verification failed", "run `ssh {host}` once, and compare the key that it shows with the device's"),
    ("Permission denied", "edgetl asks for no password: run `ssh-copy-id {host}`, or name the key in ~/.ssh/config"),
    ("Could not resolve hostname", "check the name; `ssh {host}` must work"),
    ("Connection refused", "switch ssh on there: `sudo raspi-config`, Interface Options, SSH"),
    ("timed out", "check that the device is switched on and in this network; `ssh {host}` must work"),
    ("No route to host", "check that the device is switched on and in this network; `ssh {host}` must work"),
)  # fmt: skip
"""What OpenSSH's messages contain, and the remedy."""
_FULL = "No space left on device"


class NoConnectionError(EdgetlError):
    """The device can't be reached, or the connection to it was lost."""


class RemoteError(EdgetlError):
    """A command on the device failed.

    Args:
        what: what happened, in one line.
        status: the command's exit status, 1..254.
        output: what the command wrote to stdout.
        where: the device and the command.
        remedy: what the user can do about it.
    """

    def __init__(self, what: str, *, status: int, output: str = "", where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.status = status
        self.output = output


def connection_error(host: str, stderr: str) -> NoConnectionError:
    """Returns the error of a connection that failed or was lost.

    Args:
        host: the device, as the user named it.
        stderr: what ssh wrote to stderr.
    """
    remedy = next(
        (text for part, text in _CONNECTION if part in stderr), "check that `ssh {host}` works, and try again"
    )
    name = host.rpartition("@")[2]
    what = f"no connection to the device: {last_line(stderr)}"
    return NoConnectionError(what, where=host, remedy=remedy.format(host=host, name=name))


def command_error(host: str, argv: Sequence[str], status: int, stderr: str, output: str = "") -> EdgetlError:
    """Returns the error of a command that failed on the device, or of the connection if that was lost.

    The message names the program alone, because an argument may be secret.

    Args:
        host: the device, as the user named it.
        argv: the command's words.
        status: its exit status.
        stderr: what it wrote to stderr.
        output: what it wrote to stdout.
    """
    if status == LOST:
        return connection_error(host, stderr)
    program = next((word for word in argv if word != "env" and "=" not in word), argv[0])
    where = f"{host}, `{program}`"
    if _FULL in stderr:
        remedy = f"free some space there; `edgetl deploy --prune 1 {host}` removes earlier releases"
        return RemoteError("the device's disk is full", status=status, output=output, where=where, remedy=remedy)
    what = f"a command failed on the device: {last_line(stderr)}"
    return RemoteError(what, status=status, output=output, where=where, remedy=f"look into it with `ssh {host}`")


def last_line(stderr: str) -> str:
    """Returns the last line of a program's messages, which names the reason, safe to print.

    Args:
        stderr: what the program wrote to stderr.
    """
    return first_line("\n".join(reversed(stderr.splitlines())))
