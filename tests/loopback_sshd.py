"""A device that is reached through a real sshd on this machine: its own keys, its own home, its own systemctl.

If the tests run as root, the device's commands run as the user `nobody`, because nothing of edgetl runs as root.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
STAND_IN = Path(__file__).parent / "stand_in_systemctl.py"
PYTHON = "/usr/bin/python3"
"""The device's Python, which every user can run."""
_NOBODY = 65534
_PATIENCE = 20.0

needs_sshd = pytest.mark.skipif(
    not SSHD or not shutil.which("ssh-keygen") or not Path(PYTHON).exists(),
    reason="needs Debian's openssh-server and python3",
)

_NO_INDEX = "PIP_INDEX_URL=http://127.0.0.1:9/ PIP_RETRIES=0"
"""The device's pip finds nobody at this address: the device has no internet."""
_FORCED = """#!/bin/sh
cd "{home}" && {as_nobody} env -i HOME="{home}" PATH="{path}" LANG=C.UTF-8 STAND_IN_RESTART_SECONDS=0.2 {no_index} \\
  EDGETL_SYSTEMCTL="{python} -I {folder}/stand_in_systemctl.py" sh -c "$SSH_ORIGINAL_COMMAND"
"""


class SshdDevice:
    """A device; `stop` or the end of the block ends its sshd and its services.

    Attributes:
        name: the name by which the ssh command knows it.
        folder: the folder of its keys, and of its home.
        home: the home of its user.
    """

    def __init__(self, name: str, *, rsync: bool = True) -> None:
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix="edgetl-device-"))
        self.folder.chmod(0o755)
        self.home = self.folder / "home"
        self.home.mkdir()
        shutil.copy(STAND_IN, self.folder / STAND_IN.name)
        self._tools(rsync=rsync)
        if os.geteuid() == 0:
            os.chown(self.home, _NOBODY, _NOBODY)
        self.port = _free_port()
        self._make_keys()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> SshdDevice:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.run(f"{PYTHON} -I {self.folder}/stand_in_systemctl.py stand-in-exit")
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def client_config(self) -> str:
        """The lines for this device in the client's config."""
        known = self.folder / "known_hosts"
        return (
            f"Host {self.name}\n  HostName 127.0.0.1\n  Port {self.port}\n  User {_user()}\n"
            f"  HostKeyAlias {self.name}\n  IdentityFile {self.folder}/user_key\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {known}\n  StrictHostKeyChecking yes\n"
        )

    def start(self) -> None:
        """Starts sshd, and waits until it listens."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        command = [str(SSHD), "-D", "-e", "-f", str(self.folder / "sshd_config")]
        with (self.folder / "sshd.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self._process.poll() is None, (self.folder / "sshd.log").read_text()
                assert time.monotonic() < until
                time.sleep(0.02)

    def kill(self) -> None:
        """Kills sshd and all its connections at once, as a cut cable does; the commands that they began go on."""
        if self._process is None:
            return
        for pid in [self._process.pid, *_sshd_below(self._process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def run(self, command: str) -> str:
        """Runs a line of shell as the device's user, without ssh, and returns what it printed."""
        variables = {"SSH_ORIGINAL_COMMAND": command, "PATH": os.environ["PATH"]}
        done = subprocess.run([self.folder / "forced"], env=variables, capture_output=True, text=True, check=False)
        return done.stdout

    def _tools(self, *, rsync: bool) -> None:
        """Makes the PATH of the device: the system's programs, without rsync if it has none."""
        path = "/usr/bin:/bin"
        if not rsync:
            tools = self.folder / "bin"
            tools.mkdir()
            for program in Path("/usr/bin").iterdir():
                if program.name != "rsync":
                    (tools / program.name).symlink_to(program)
            path = str(tools)
        as_nobody = f"exec setpriv --reuid={_NOBODY} --regid={_NOBODY} --clear-groups" if os.geteuid() == 0 else "exec"
        forced = self.folder / "forced"
        text = _FORCED.format(
            home=self.home, as_nobody=as_nobody, path=path, folder=self.folder, python=PYTHON, no_index=_NO_INDEX
        )
        forced.write_text(text)
        forced.chmod(0o755)

    def _make_keys(self) -> None:
        for name in ("host_key", "user_key"):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)]
            subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
        public = (self.folder / "host_key.pub").read_text().split()[:2]
        (self.folder / "known_hosts").write_text(f"{self.name} {' '.join(public)}\n")
        shutil.copy(self.folder / "user_key.pub", self.folder / "authorized_keys")
        (self.folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.folder}/host_key\n"
            f"AuthorizedKeysFile {self.folder}/authorized_keys\nStrictModes no\nUsePAM no\n"
            f"PasswordAuthentication no\nPermitRootLogin yes\nPidFile none\nMaxStartups 100\n"
            f"ForceCommand {self.folder}/forced\n"
        )


def install(patch: pytest.MonkeyPatch, folder: Path, *devices: SshdDevice) -> None:
    """Has edgetl use an ssh whose config knows the devices."""
    config = folder / "ssh_config"
    config.write_text("".join(device.client_config for device in devices))
    patch.setenv("EDGETL_SSH", f"ssh -F {config}")


def release_options() -> list[str]:
    """The options with which `edgetl release` makes a release for these devices."""
    python = subprocess.check_output([PYTHON, "-V"], text=True).split()[1]
    libc = os.confstr("CS_GNU_LIBC_VERSION").split()[1]
    return ["--python", ".".join(python.split(".")[:2]), "--arch", os.uname().machine, "--glibc", libc]


def _sshd_below(pid: int) -> list[int]:
    """The sshd processes of all connections."""
    parents: dict[int, tuple[int, str]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        name, _, rest = text.partition("(")[2].rpartition(")")
        parents[int(stat.parent.name)] = (int(rest.split()[1]), name)
    below, todo = [], [pid]
    while todo:
        parent = todo.pop()
        found = [child for child, (above, name) in parents.items() if above == parent and name.startswith("sshd")]
        below += found
        todo += found
    return below


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


if sys.platform != "linux":
    needs_sshd = pytest.mark.skip(reason="needs Linux")
