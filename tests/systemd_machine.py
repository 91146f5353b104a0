"""A Debian Bookworm whose systemd is really booted: in namespaces of its own, on the network of this machine.

The system is made once with debootstrap, in the folder that the variable EDGETL_SYSTEMD_ROOT names, and kept there.
Each boot works on a layer above it, so that nothing of it stays. It needs root, cgroup v2 and the Debian package
debootstrap. `python tests/systemd_machine.py make` makes the system; without `make` it is booted as well, and a shell
opens in it.

The network is that of this machine: a server in it answers at 127.0.0.1. Its own sshd is off; start one with a port of
its own: `machine.require("/usr/sbin/sshd", "-p", "2222")`. The memory controller is missing if this machine has cgroup
v1 for it, so that systemd ignores `MemoryMax=` there.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SUITE = "bookworm"
PACKAGES = (
    "systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,polkitd,python3,python3-venv,openssh-server,rsync,sudo"
    ",ca-certificates"
)
MASKED = (
    "ssh.service",
    "ssh.socket",
    "systemd-sysctl.service",
    "systemd-modules-load.service",
    "systemd-timesyncd.service",
    "systemd-networkd.service",
)
"""What would change this machine, or take its ports."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_BOOT = """
root=$1; shift
mount -t overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" overlay "$root"; shift 3
cd "$root"
while [ $# -gt 0 ]; do mkdir -p ".$2"; mount --bind -o ro "$1" ".$2"; shift 2; done
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do touch "dev/$node"; mount --bind "/dev/$node" "dev/$node"; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t cgroup2 cgroup2 sys/fs/cgroup
hostname machine
mkdir run/outside
pivot_root . run/outside
umount -l /run/outside
rmdir /run/outside
mount --make-rshared /
exec env -i container=other "PATH=$PATH" /lib/systemd/systemd --log-target=journal
"""
"""What the first process of the namespaces does before it becomes systemd."""


class NotHereError(Exception):
    """No system can be booted on this machine; the message says why."""


@dataclass(frozen=True)
class Machine:
    """A booted system.

    Attributes:
        root: its root folder, as seen from outside.
        pid: the number of its first process, as seen from outside.
    """

    root: Path
    pid: int

    def run(
        self,
        *command: str,
        user: str = "root",
        input: str | None = None,
        variables: Mapping[str, str] | None = None,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command in the system, and waits for it; of a user, in that user's home and with their manager.

        Returns:
            The finished process, whatever its exit code.

        Raises:
            subprocess.TimeoutExpired: it didn't end.
        """
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--root", "--wd"]
        home = self._home(user)
        given = {"PATH": _PATH, "HOME": home, "USER": user, "LANG": "C.UTF-8", **(variables or {})}
        words = [f"{name}={value}" for name, value in given.items()]
        if user != "root":
            uid = self._entry(user)[2]
            words.append(f"XDG_RUNTIME_DIR=/run/user/{uid}")
            words = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--init-groups", "env", "-i", "-C", home, *words]
        else:
            words = ["env", "-i", *words]
        return subprocess.run(
            [*enter, *words, *command], input=input, capture_output=True, text=True, timeout=timeout, check=False
        )

    def require(self, *command: str, user: str = "root", timeout: float = 120) -> str:
        """Runs a command, and returns what it wrote to stdout; its exit code must be 0."""
        return checked(command, self.run(*command, user=user, timeout=timeout))

    def add_user(self, name: str) -> None:
        """Makes an ordinary user of that name, in the group `video`."""
        self.require("useradd", "--create-home", "--shell", "/bin/bash", "--groups", "video", name)

    def show(self, *properties: str, unit: str = "edgetl.service", user: str = "root") -> dict[str, str]:
        """Returns properties of a unit; of a user other than root, of a unit of that user's manager."""
        manager = [] if user == "root" else ["--user"]
        rows = self.require("systemctl", *manager, "show", unit, "-p", ",".join(properties), user=user).splitlines()
        return dict(row.split("=", 1) for row in rows)

    def _entry(self, user: str) -> list[str]:
        rows = (self.root / "etc/passwd").read_text().splitlines()
        return next(row.split(":") for row in rows if row.startswith(f"{user}:"))

    def _home(self, user: str) -> str:
        return "/root" if user == "root" else self._entry(user)[5]


@contextmanager
def booted_machine(binds: Mapping[Path, str] | None = None, disk: Path | None = None) -> Iterator[Machine]:
    """Boots a system, and ends it and everything that runs in it at the end of the block, as pulling the plug does.

    Args:
        binds: folders of this machine that it sees read-only, and where.
        disk: a folder that keeps what is written in the system, for the next boot; None forgets it.

    Raises:
        NotHereError: this machine can't.
    """
    base = base_system()
    group = _control_group()
    with tempfile.TemporaryDirectory(prefix="edgetl-machine-") as name:
        kept = disk or Path(name)
        folders = [Path(name) / "root", kept / "changes", kept / "work"]
        for folder in folders:
            folder.mkdir(mode=0o755, exist_ok=True)
        _mask(kept / "changes")
        mounts = [str(word) for pair in (binds or {}).items() for word in pair]
        process = _start(group, [str(folders[0]), str(base), *map(str, folders[1:]), *mounts])
        try:
            machine = Machine(Path(f"/proc/{_child(process)}/root"), _child(process))
            _wait_until_booted(machine, process)
            yield machine
        finally:
            process.send_signal(signal.SIGKILL)  # which ends the first process, and so all others
            process.wait()
            _remove_group(group)


def _start(group: Path, words: Sequence[str]) -> subprocess.Popen[str]:
    """Starts the first process of new namespaces, in a control group of its own; it ends with this thread."""
    spaces = "--mount --pid --uts --ipc --cgroup --fork --kill-child --propagation private"
    script = f'echo $$ > "$0/cgroup.procs" && exec setpriv --pdeathsig KILL unshare {spaces} sh -eu -c "$@"'
    return subprocess.Popen(
        ["sh", "-c", script, str(group), _BOOT, "boot", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        text=True,
        env={"PATH": _PATH},
    )


def _child(process: subprocess.Popen[str]) -> int:
    """Returns the number of the process that becomes systemd."""
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError):
            if words := Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
                return int(words[0])
        time.sleep(0.05)
    raise NotHereError("no process can be started in namespaces of its own")


def _wait_until_booted(machine: Machine, process: subprocess.Popen[str]) -> None:
    """Waits until systemd has started everything.

    Raises:
        NotHereError: it hasn't within two minutes.
    """
    until = time.monotonic() + 120
    state = ""
    while time.monotonic() < until and process.poll() is None:
        if Path(f"/proc/{machine.pid}/comm").read_text().strip() == "systemd":
            state = machine.run("systemctl", "is-system-running").stdout.strip()
            if state in ("running", "degraded"):
                return
        time.sleep(0.2)
    raise NotHereError(f"systemd hasn't booted: {state or process.returncode}")


def _mask(changes: Path) -> None:
    units = changes / "etc/systemd/system"
    units.mkdir(parents=True, exist_ok=True)
    for unit in MASKED:
        with suppress(FileExistsError):
            (units / unit).symlink_to("/dev/null")


def _control_group() -> Path:
    """Makes a control group for the system.

    Raises:
        NotHereError: there is no cgroup v2 that may be changed.
    """
    for folder in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")):
        if (folder / "cgroup.procs").exists():
            group = folder / f"edgetl-{os.getpid()}-{time.monotonic_ns()}"
            try:
                group.mkdir()
            except OSError as error:
                raise NotHereError(f"no control group can be made: {error.strerror}") from error
            return group
    raise NotHereError("this machine has no cgroup v2")


def _remove_group(group: Path) -> None:
    """Removes a control group with all below it, once the processes in them have ended."""
    until = time.monotonic() + 20
    while group.exists() and time.monotonic() < until:
        for folder, _, _ in os.walk(group, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()
        time.sleep(0.05)


def base_system() -> Path:
    """Returns the folder of the system that boots are made from; makes it if there is none, which takes minutes.

    Raises:
        NotHereError: this machine can't, or isn't to.
    """
    if os.geteuid() != 0 or sys.platform != "linux":
        raise NotHereError("only root may boot a system on Linux")
    missing = [tool for tool in ("debootstrap", "unshare", "nsenter") if not shutil.which(tool)]
    if missing:
        raise NotHereError(f"not installed: {', '.join(missing)}; apt-get install debootstrap util-linux")
    if not os.environ.get("EDGETL_SYSTEMD_ROOT"):
        raise NotHereError("set EDGETL_SYSTEMD_ROOT to a folder that a system may be made in, which has 350 MB")
    kept = Path(os.environ["EDGETL_SYSTEMD_ROOT"]).absolute()
    kept.mkdir(parents=True, exist_ok=True)
    with (kept / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        root = kept / SUITE
        if not root.exists():
            new = kept / f".{SUITE}"
            command = ["unshare", "--mount", "debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE]
            for words in (["rm", "-rf", "--one-file-system", str(new)], [*command, str(new)]):
                checked(words, subprocess.run(words, capture_output=True, text=True))
            new.rename(root)
        return root


def checked(command: Sequence[str], done: subprocess.CompletedProcess[str]) -> str:
    """Returns what a finished command wrote to stdout; its exit code must be 0."""
    said = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
    assert done.returncode == 0, f"exit code {done.returncode} of {shlex.join(command)}\n{said}"
    return done.stdout


def main(words: Sequence[str]) -> None:
    """Makes the system if there is none; boots it for a shell unless only that is asked for."""
    print(base_system())
    if words == ["make"]:
        return
    with booted_machine() as booted:
        enter = [
            "nsenter",
            f"--target={booted.pid}",
            "--mount",
            "--pid",
            "--uts",
            "--ipc",
            "--cgroup",
            "--root",
            "--wd",
        ]
        subprocess.run([*enter, "env", "-i", f"PATH={_PATH}", "HOME=/root", "TERM=xterm", "bash"])


if __name__ == "__main__":
    main(sys.argv[1:])
