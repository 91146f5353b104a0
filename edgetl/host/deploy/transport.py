"""Reaches a device through the user's own OpenSSH client: commands there, files to it, and files from it.

The client reads the user's config, so that their keys, agent, known hosts, jump hosts and hardware keys work. Nothing
is ever asked for: a device that needs a password is refused with a remedy.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from edgetl.errors import EdgetlError, UsageError
from edgetl.host.deploy.ssh_client import SshClient
from edgetl.host.deploy.ssh_errors import LOST, command_error
from edgetl.host.deploy.tar_stream import pack, unpack

_RSYNC = ("--recursive", "--times", "--partial", "--stats", "--no-human-readable", "--protect-args")
_SENT = re.compile(r"^Total bytes sent: (\d+)", re.M)
_RECEIVED = re.compile(r"^Total bytes received: (\d+)", re.M)


class Ssh:
    """A connection to a device; a `with` block opens one and shares it among all commands and copies.

    Args:
        host: the device as the ssh command takes it: a name of ~/.ssh/config, `user@host` or `ssh://user@host:port`.

    Raises:
        UsageError: the text can't name a device.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self._client = SshClient(host)

    def __enter__(self) -> Self:
        """Opens the connection.

        Raises:
            NoConnectionError: the device can't be reached, or does not accept the user's keys.
        """
        try:
            self._client.connect()
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()

    def run(self, argv: Sequence[str], input: bytes | str | None = None) -> str:
        """Runs a command on the device and waits for it.

        Args:
            argv: the command's words, which the device's shell does not interpret. Its folder is the user's home.
            input: what the command reads from stdin.

        Returns:
            What the command wrote to stdout.

        Raises:
            NoConnectionError: the device can't be reached, or the connection was lost.
            RemoteError: the command failed.
        """
        return self._client.output(argv, _bytes(input))

    def lines(self, argv: Sequence[str], input: bytes | str | None = None) -> Iterator[str]:
        """Runs a command on the device and yields each line that it writes to stdout as it comes.

        Args:
            argv: the command's words; see `run`.
            input: what the command reads from stdin, which must not be secret.

        Raises:
            NoConnectionError: the device can't be reached, or the connection was lost.
            RemoteError: the command failed; the lines until then were yielded.
        """
        with self._client.started(argv, _bytes(input)) as process:
            for line in process.stdout or ():
                yield line.decode("utf-8", "replace").rstrip("\n")

    def send(self, paths: Sequence[Path], folder: str) -> int:
        """Copies files and folders into a folder of the device, each under its own name.

        With rsync, only what differs is sent, and an interrupted copy goes on where it ended.

        Args:
            paths: the files and folders.
            folder: the folder on the device, relative to the user's home; it is made if it isn't there.

        Returns:
            The number of bytes that were sent.

        Raises:
            NoConnectionError: the device can't be reached, or the connection was lost.
            RemoteError: the device can't write there, for example because its disk is full.
        """
        self.run(["mkdir", "-p", folder])
        if not paths:
            return 0
        if self.has_rsync:
            words = [*(str(path.absolute()) for path in paths), f"{self._rsync_host}:{folder}/"]
            return _total(_SENT, self._rsync(words))
        with self._client.started(["tar", "-C", folder, "-xf", "-"]) as process:
            assert process.stdin is not None
            count = 0
            with suppress(BrokenPipeError):  # the command's status names the reason
                count = pack(paths, process.stdin)
                process.stdin.close()
        return count

    def fetch(self, folder: str, into: Path, names: Sequence[str] | None = None) -> int:
        """Copies files of a folder of the device into a folder here; links, devices and the like are left out.

        With rsync, only what differs is fetched, and an interrupted copy goes on where it ended.

        Args:
            folder: the folder on the device, relative to the user's home.
            into: the folder here; it is made if it isn't there.
            names: the files to fetch, relative to `folder`; None fetches all.

        Returns:
            The number of bytes that were received.

        Raises:
            NoConnectionError: the device can't be reached, or the connection was lost.
            RemoteError: there is no such folder, or a file of `names` is missing.
            UsageError: a name contains a line end.
        """
        into.mkdir(parents=True, exist_ok=True)
        if any("\n" in name for name in names or ()):
            raise UsageError("the name of a file on the device contains a line end", where=self.host)
        listed = "".join(f"./{name}\n" for name in names or ())
        if self.has_rsync:
            some = [] if names is None else ["--files-from=-"]
            words = [*some, f"{self._rsync_host}:{folder}/", f"{into.absolute()}/"]
            return _total(_RECEIVED, self._rsync(words, listed))
        argv = ["tar", "-C", folder, "-cf", "-", *(["."] if names is None else ["-T", "-"])]
        with self._client.started(argv, listed.encode()) as process:
            assert process.stdout is not None
            count, problem = unpack(process.stdout, into)
            while process.stdout.read(1 << 16):  # the rest of a stream that can't be unpacked
                pass
        if problem:
            raise EdgetlError(problem, where=self.host, remedy="try again")
        return count

    @cached_property
    def has_rsync(self) -> bool:
        """Whether both this machine and the device have rsync; otherwise tar copies the files."""
        if not shutil.which("rsync") or "openrsync" in _output_of("rsync", "--version"):
            return False  # macOS's openrsync lacks options
        return bool(self.run(["sh", "-c", "command -v rsync || true"]).strip())

    @property
    def _rsync_host(self) -> str:
        """The device as rsync takes it, which needs brackets around an address with colons."""
        user, at, name = self._client.destination.rpartition("@")
        return f"{user}{at}[{name}]" if ":" in name else self._client.destination

    def _rsync(self, words: Sequence[str], input: str = "") -> str:
        """Runs rsync and returns the figures that it prints."""
        command = ["rsync", *_RSYNC, "-e", shlex.join(self._client.words), *words]
        done = subprocess.run(command, input=input.encode(), capture_output=True, check=False)
        if done.returncode:
            status = done.returncode if self._client.is_connected else LOST
            reasons = re.sub("^rsync error: .*", "", done.stderr.decode("utf-8", "replace"), flags=re.M)
            raise command_error(self.host, command, status, reasons)
        return done.stdout.decode("utf-8", "replace")


def _total(figure: re.Pattern[str], printed: str) -> int:
    return sum(map(int, figure.findall(printed)))


def _bytes(content: bytes | str | None) -> bytes:
    return content.encode() if isinstance(content, str) else content or b""


def _output_of(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
