"""Starts the OpenSSH client's processes: one that holds the connection, and one that shares it for each command."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from edgetl.errors import EdgetlError
from edgetl.host.deploy.destination import parse_destination
from edgetl.host.deploy.ssh_errors import command_error, connection_error

_OPTIONS = {
    "BatchMode": "yes",  # ask for nothing
    "ConnectTimeout": "15",  # s
    "ServerAliveInterval": "5",  # s; a connection without an answer for three of these is lost
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "RemoteCommand": "none",
    "RequestTTY": "no",
}
_READY = "edgetl-connected"
"""The device prints this line as soon as the connection is up; a shell's start file may print others before it."""


class SshClient:
    """The user's ssh command with the options that every call has.

    Args:
        host: the device as the ssh command takes it.

    Raises:
        UsageError: the text can't name a device.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self.destination, self._port = parse_destination(host)
        self._folder: Path | None = None
        self._master: subprocess.Popen[bytes] | None = None

    @property
    def words(self) -> list[str]:
        """The words of the ssh command and its options, without the device."""
        shared = {"ControlMaster": "no", "ControlPath": str(self._folder / "c")} if self._folder else {}
        options = [word for name, value in (_OPTIONS | shared).items() for word in ("-o", f"{name}={value}")]
        return [*shlex.split(os.environ.get("EDGETL_SSH") or "ssh"), *options, *self._port]

    @property
    def is_connected(self) -> bool:
        """Whether the shared connection is up."""
        return self._master is not None and self._master.poll() is None

    def connect(self) -> None:
        """Opens the shared connection, which ends with this process at the latest, because its stdin is closed then.

        Raises:
            NoConnectionError: the device can't be reached, or does not accept the user's keys.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="edgetl-"))
        client = [word.replace("ControlMaster=no", "ControlMaster=yes") for word in self.words]
        with tempfile.TemporaryFile() as stderr:
            command = [*client, "--", self.destination, f"echo {_READY}; exec cat"]
            self._master = _start(command, subprocess.PIPE, stderr)
            for line in self._master.stdout or ():
                if _READY.encode() in line:
                    return
            self._master.wait()
            raise connection_error(self.host, _content(stderr))

    def close(self) -> None:
        """Closes the connection; what runs on the device in a session of its own goes on."""
        if self._master is not None:
            _end(self._master)
            self._master = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    @contextmanager
    def started(self, argv: Sequence[str], content: bytes | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """Starts a command on the device, and raises at the end of the block if it failed.

        Args:
            argv: the command's words.
            content: what the command reads from stdin, which may be on the disk meanwhile; None leaves stdin to the
                block.

        Raises:
            NoConnectionError: the device can't be reached, or the connection was lost.
            RemoteError: the command failed.
        """
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as stderr:
            given.write(content or b"")
            given.seek(0)
            process = _start(self._command(argv), subprocess.PIPE if content is None else given, stderr)
            try:
                yield process
                if process.wait():
                    raise command_error(self.host, argv, process.returncode, _content(stderr))
            finally:
                _end(process)

    def output(self, argv: Sequence[str], content: bytes) -> str:
        """Runs a command on the device and returns what it wrote to stdout.

        Args:
            argv: the command's words.
            content: what the command reads from stdin, which stays in memory.

        Raises:
            NoConnectionError: the device can't be reached, or the connection was lost.
            RemoteError: the command failed.
        """
        with _start(self._command(argv), subprocess.PIPE, subprocess.PIPE) as process:
            stdout, stderr = process.communicate(content)
        text = stdout.decode("utf-8", "replace")
        if process.returncode:
            raise command_error(self.host, argv, process.returncode, stderr.decode("utf-8", "replace"), text)
        return text

    def _command(self, argv: Sequence[str]) -> list[str]:
        return [*self.words, "--", self.destination, shlex.join(argv)]


def _start(command: Sequence[str], stdin: int | IO[bytes], stderr: int | IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr)
    except FileNotFoundError as error:
        remedy = "install the OpenSSH client: `sudo apt install openssh-client`"
        raise EdgetlError("there is no ssh command here", where=command[0], remedy=remedy) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a client, if it still runs, and closes its pipes."""
    process.terminate()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):  # what could not be written is lost
                stream.close()
    process.wait()


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
