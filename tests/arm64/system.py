"""An arm64 Debian Bookworm, on which Raspberry Pi OS is built, in a folder: made once, then kept.

`python tests/arm64/system.py` makes it where there is none, and prints where it is.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from emulation import NotHereError, NotInstalledError, emulation, require_machine

from edgetl.host.dataset.photos import cache_folder

SUITE = "bookworm"
PI_4 = "cortex-a72"
BOARDS = {"Pi 3, Zero 2 W": "cortex-a53", "Pi 4": PI_4, "Pi 5": "cortex-a76"}
"""QEMU's names of the boards' processors: kernels for int8 are chosen by what a processor can do."""

REPOSITORY = Path(__file__).parent.parent.parent
_PACKAGES = "python3,python3-venv"
_SAME_HERE = ("ai-edge-litert", "opencv-python-headless")
"""What computes: of this very version there as here, so that only the processor differs."""
_GLIBC = range(17, 37)
"""Minor versions of glibc 2 whose wheels run on Bookworm."""
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8", "TMPDIR": "/tmp"}


class FailedError(Exception):
    """A command failed; the message is what it said."""


@dataclass(frozen=True)
class System:
    """A system in a folder.

    Attributes:
        root: that folder, which is `/` to the system's programs.
    """

    root: Path

    @property
    def environment(self) -> Path:
        """The folder of the virtual environment that `install` makes, as seen from outside."""
        return self.root / "opt" / "edgetl"

    def run(
        self, *command: str, cpu: str = PI_4, variables: Mapping[str, str] | None = None, timeout: float = 900
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command in the system, and waits for it.

        Its mounts are its own: they end with it, however it ends.

        Args:
            command: the program, as the system's own PATH or that of `environment` finds it, and what it is given.
            cpu: the processor that is emulated.
            variables: of the environment, beside the system's own.
            timeout: s; past it the command is killed.

        Returns:
            The finished process, whatever its exit code.

        Raises:
            subprocess.TimeoutExpired: it didn't end.
        """
        inside = 'mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"'
        spaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={self.root / 'proc'}"]
        path = f"/{self.environment.relative_to(self.root)}/bin:{_ENVIRONMENT['PATH']}"
        told = _ENVIRONMENT | {"PATH": path, "QEMU_CPU": cpu} | dict(variables or {})
        whole = [*spaces, "sh", "-c", inside, str(self.root), *command]
        return subprocess.run(
            whole, env=told, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
        )

    def require(self, *command: str, timeout: float = 900) -> str:
        """Runs a command, and returns what it wrote to stdout.

        Raises:
            FailedError: its exit code isn't 0.
        """
        return _checked(command, self.run(*command, timeout=timeout))

    def fresh_folder(self, path: str) -> Path:
        """Makes an empty folder in place of what was there; returns it as seen from outside."""
        folder = self.root / path.lstrip("/")
        remove(folder)
        folder.mkdir(parents=True)
        return folder

    def install(self, wheels: Path) -> None:
        """Installs edgetl's device extra into an environment of its own, as `edgetl deploy` does, from wheels alone.

        The environment has no pip of its own; pip runs from its wheel.

        Raises:
            FailedError: they don't suffice.
        """
        shutil.copytree(wheels, self.fresh_folder("/srv/wheels"), dirs_exist_ok=True)
        remove(self.environment)
        self.require("python3", "-m", "venv", "--without-pip", "/opt/edgetl")
        (pip,) = wheels.glob("pip-*.whl")
        options = ["--no-index", "--find-links=/srv/wheels", "--only-binary=:all:", "--no-cache-dir", "--quiet"]
        command = ["/opt/edgetl/bin/python", f"/srv/wheels/{pip.name}/pip", "install", "--disable-pip-version-check"]
        self.require(*command, *options, "edgetl[device]")


def download_wheels(folder: Path) -> list[Path]:
    """Builds edgetl's own wheel, and downloads pip and what its device extra asks for on arm64; returns all wheels.

    Raises:
        FailedError: one can't be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    _require([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(REPOSITORY)])
    (own,) = folder.glob("edgetl-*.whl")
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in _GLIBC] + ["--platform=manylinux2014_aarch64"]
    options = ["--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--dest", str(folder)]
    pinned = [f"{name}=={version(name)}" for name in _SAME_HERE]
    _require([*pip, "download", "--quiet", *platforms, *options, f"{own}[device]", "pip", *pinned])
    return sorted(folder.glob("*.whl"))


def kept_folder() -> Path:
    """Where systems are kept: EDGETL_ARM64_ROOT, or `arm64` in the folder of edgetl's cache."""
    return Path(os.environ.get("EDGETL_ARM64_ROOT") or cache_folder() / "arm64").absolute()


@contextmanager
def open_system(kept: Path | None = None) -> Iterator[System]:
    """Yields the system, made where there is none, with arm64's programs running; one process at a time has it.

    Args:
        kept: the folder that systems are kept in; None: `kept_folder`.

    Raises:
        NotHereError: this machine can't.
        NotInstalledError: it could, with programs that it lacks.
        FailedError: making it failed.
    """
    require_machine()
    kept = kept or kept_folder()
    kept.mkdir(parents=True, exist_ok=True)
    with (kept / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with emulation():
            root = kept / f"{SUITE}-arm64"
            if not root.exists():
                _make(root)
            yield System(root)


def _make(root: Path) -> None:
    """Makes a system; it gets its name once it is whole."""
    for half_made in root.parent.glob(f".{root.name}.*"):
        remove(half_made)
    new = Path(tempfile.mkdtemp(dir=root.parent, prefix=f".{root.name}."))
    try:
        new.chmod(0o755)
        options = ["--arch=arm64", "--variant=minbase", f"--include={_PACKAGES}"]
        # debootstrap mounts /proc in there: in a space of its own, so that no mount outlives it.
        _require(["unshare", "--mount", "debootstrap", *options, SUITE, str(new)], {"QEMU_CPU": PI_4})
        for name in ("possible", "present", "online"):  # cpuinfo, a part of XNNPACK, complains where it can't count
            file = new / "sys/devices/system/cpu" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("0-1\n")
        machine = System(new).require("python3", "-c", "import platform, venv; print(platform.machine())").strip()
        if machine != "aarch64":
            raise FailedError(f"the new system says that it is {machine}")
        new.rename(root)
    finally:
        remove(new)


def remove(folder: Path) -> None:
    """Removes a folder, where there is one.

    Raises:
        FailedError: something is mounted in it.
    """
    inside = [path for path in _mounted() if path.is_relative_to(folder.absolute())]
    if inside:
        raise FailedError(f"{folder} can't be removed: {inside[0]} is mounted; umount {shlex.quote(str(inside[0]))}")
    _require(["rm", "-rf", "--one-file-system", str(folder)])


def _mounted() -> list[Path]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [Path(line.split()[4].encode().decode("unicode_escape")) for line in lines]


def _require(command: Sequence[str], variables: Mapping[str, str] | None = None) -> str:
    environment = os.environ | dict(variables or {})
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return _checked(command, done)


def _checked(command: Sequence[str], done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise FailedError(f"exit code {done.returncode} of {shlex.join(command)}\n{said}")
    return done.stdout


def main() -> None:
    """Makes the system where there is none; prints where it is."""
    try:
        with open_system() as system:
            sys.stdout.write(f"{system.root}\n")
    except (NotHereError, NotInstalledError, FailedError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
