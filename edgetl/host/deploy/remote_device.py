"""Asks a device to do its part of a deployment, and reads its answers."""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Iterator, Mapping
from functools import cached_property

from edgetl.device.release.bootstrap import program
from edgetl.errors import CameraError, DatasetError, EdgetlError, GateError, ModelError, UsageError
from edgetl.host.deploy.read_facts import DeviceFacts
from edgetl.host.deploy.ssh_errors import RemoteError
from edgetl.host.deploy.transport import Ssh
from edgetl.text import printable

_ROOT = "edgetl"
"""The folder of edgetl on a device, relative to the user's home."""
_WHOLE_ENVS = """
cd edgetl 2>/dev/null || exit 0
for env in current/env envs/*; do
  [ -f "$env/.complete" ] && echo "$env"
done
exit 0
"""
"""Prints the environments that are complete, that of the current release first."""
_ERRORS: dict[int, type[EdgetlError]] = {
    kind.exit_code: kind for kind in (EdgetlError, UsageError, DatasetError, ModelError, GateError, CameraError)
}
_LONGEST_WAIT = 600
"""The time to wait for another deployment's lock while files are moved into place, s."""


class NoReleaseError(UsageError):
    """No release was ever installed on the device."""


class Device:
    """A device at the other end of a connection.

    Args:
        ssh: the open connection.
    """

    def __init__(self, ssh: Ssh) -> None:
        self.ssh = ssh

    def facts(self) -> DeviceFacts:
        """Returns what the device has.

        Raises:
            NoConnectionError: the device can't be reached.
            EdgetlError: the device has no Python, or its answer is not valid.
        """
        try:
            return DeviceFacts.read(_last(self.ssh.run(["python3", "-I", "-", "facts"], self._program)))
        except RemoteError as error:
            if error.status != 127:
                raise
            remedy = "install it there: `sudo apt install python3-venv`"
            raise UsageError("the device has no python3", where=self.ssh.host, remedy=remedy) from error

    def prepare(self, command: str, digest: str, *words: str) -> Mapping[str, object]:
        """Runs a command of the bootstrap program on the device.

        Args:
            command: `receive` or `env`.
            digest: the release's digest.
            words: further words of the command line.

        Returns:
            The answer.

        Raises:
            EdgetlError: the command failed; the class is that of the device's exit code.
        """
        argv = ["python3", "-I", "-", command, digest, "--holder", holder(), "--wait", str(_LONGEST_WAIT), *words]
        try:
            return _row(_last(self.ssh.run(argv, self._program)))
        except RemoteError as error:
            raise self._answered(error) from error

    def env(self) -> str:
        """Returns the folder below `~/edgetl` of the current release's environment, or of another if none is current.

        Raises:
            NoReleaseError: the device has no environment.
            EdgetlError: the connection was lost.
        """
        found = self.ssh.run(["sh", "-c", _WHOLE_ENVS]).splitlines()
        if not found:
            what = "no release is installed on the device"
            raise NoReleaseError(what, where=self.ssh.host, remedy="deploy one with `edgetl deploy HOST BUNDLE`")
        return found[0]

    def release(self, env: str, *words: str) -> Iterator[Mapping[str, object]]:
        """Runs a command of `edgetl.device.release` in an environment of the device.

        Args:
            env: the environment's folder below `~/edgetl`; see `env_folder` and `env`.
            words: the command line.

        Yields:
            Each answer as it comes.

        Raises:
            EdgetlError: the command failed; the class is that of the device's exit code.
        """
        answers: list[str] = []
        argv = [*_python(env), "edgetl.device.release", *words]
        try:
            for line in self.ssh.lines(argv):
                answers = [line]
                if "error" not in (row := _row(line)):
                    yield row
        except RemoteError as error:
            error.output = "\n".join(answers)
            raise self._answered(error) from error

    def run(self, env: str, *words: str) -> str:
        """Runs a command of edgetl in an environment of the device, and returns what it wrote to stdout.

        Args:
            env: the environment's folder below `~/edgetl`.
            words: the command and its arguments.

        Raises:
            RemoteError: the command failed.
        """
        return self.ssh.run([*_python(env), "edgetl", *words])

    def _answered(self, error: RemoteError) -> EdgetlError:
        """Returns the error that a command on the device wrote as its last answer; else the given one."""
        row = _row(_last(error.output))
        if "error" not in row:
            return error
        what, where, remedy = (printable(row.get(key, "")) for key in ("error", "where", "remedy"))
        kind = _ERRORS.get(error.status, EdgetlError)
        return kind(what, where=f"{self.ssh.host}: {where}" if where else self.ssh.host, remedy=remedy)

    @cached_property
    def _program(self) -> str:
        return program()


def _python(env: str) -> list[str]:
    """Returns the words that run a module of an environment, which writes nothing outside `~/edgetl`."""
    return ["env", f"EDGETL_CACHE={_ROOT}/cache", f"{_ROOT}/{env}/bin/python", "-I", "-m"]


def env_folder(digest: str) -> str:
    """Returns the folder below `~/edgetl` of an environment.

    Args:
        digest: the environment's digest.
    """
    return f"envs/{digest}"


def holder() -> str:
    """Returns who deploys, `user@host`, which the lock on the device names."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _last(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1] if lines else ""


def _row(line: str) -> Mapping[str, object]:
    """Returns an answer; an empty one for a line that is none, such as a library's warning."""
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}
