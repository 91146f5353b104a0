"""Makes releases, wheels and a simulated service for the tests of the device's releases."""

from __future__ import annotations

import ensurepip
import json
import shutil
import sys
import sysconfig
import zipfile
from pathlib import Path

from edgetl.device.release.digests import env_digest, file_digests, release_digest
from edgetl.device.release.make_env import COMPLETE
from edgetl.files import sha256_of

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
PLATFORM = {"python": VERSION, "arch": "x86_64", "libc": "glibc 2.36"}
ROOT = Path(__file__).parents[3]

PYTHON = f"""#!{sys.executable} -I
# The Python of an environment that needs no installation. As a service, it does what run.toml names.
import os, socket, sys, time
if "--config" not in sys.argv:
    sys.exit(0)
behaviour = open(sys.argv[sys.argv.index("--config") + 1]).read().split('"')[1]
def tell(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])
for count in range(1, 100_000):
    if behaviour == "dies" and count == 20:
        sys.exit("the camera is on fire")
    if behaviour != "silent":
        tell(f"STATUS=results {{count}}, age 12 ms\\nREADY=1\\nWATCHDOG=1")
    time.sleep(0.05)
"""


def write_release(
    root: Path, run: str = "good", *, model: str = "weights", wheels: dict[str, Path] | None = None, created: str = "1"
) -> str:
    """Copies a release to `incoming`, as the workstation does; returns its digest."""
    folder = root / "incoming" / "new"
    (folder / "bundle" / "golden").mkdir(parents=True)
    (folder / "bundle" / "float32.tflite").write_text(model)
    (folder / "bundle" / "golden" / "0.png").write_text("a photo")
    (folder / "run.toml").write_text(f'source = "{run}"\n')
    return seal(folder, wheels or {}, created)


def seal(folder: Path, wheels: dict[str, Path], created: str = "1") -> str:
    """Writes `release.json` and the wheels of a release in `incoming`, and names its folder after its digest."""
    digests = {name: sha256_of(file) for name, file in wheels.items()}
    env = env_digest(digests, *PLATFORM.values())
    digest = release_digest(file_digests(folder), env)
    rows = [{"file": name, "sha256": digests[name], "bytes": file.stat().st_size} for name, file in wheels.items()]
    head = {"schema": 1, "digest": digest, "name": "parts", "bundle": "parts/rpi", "edgetl": "0.1.0"}
    rest = {"created": f"2026-11-28T18:00:{created:0>2}Z", **PLATFORM, "env": env, "wheels": rows}
    (folder / "release.json").write_text(json.dumps(head | rest))
    (folder / "wheels").mkdir()
    for name, file in wheels.items():
        shutil.copyfile(file, folder / "wheels" / name)
    folder.rename(folder.with_name(digest))
    return digest


def make_wheel(folder: Path, files: dict[str, str], name: str = "edgetl", version: str = "0.1.0") -> Path:
    """Makes a wheel that pip installs."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return wheel


def wheels_of_this_python(folder: Path) -> dict[str, Path]:
    """Makes the wheels of an environment that has what this Python has, and this checkout's edgetl."""
    lines = [f"import site; site.addsitedir({str(path)!r})\n" for path in (ROOT, sysconfig.get_path("purelib"))]
    edgetl = make_wheel(folder, {"this_python.pth": "".join(lines)})
    pip = next((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
    return {edgetl.name: edgetl, pip.name: pip}


def put_in_place(root: Path, digest: str, *, verified: bool = True) -> None:
    """Makes an environment that needs no installation, and notes that the release was verified."""
    folder = root / "releases" / digest
    env = (folder / "env").resolve()
    (env / "bin").mkdir(parents=True, exist_ok=True)
    (env / "bin" / "python").write_text(PYTHON)
    (env / "bin" / "python").chmod(0o755)
    (env / COMPLETE).touch()
    if verified:
        (folder / "verified.json").write_text("{}")


def unit_of(root: Path) -> str:
    """The unit of the current release, as `edgetl service install` has it."""
    current = root / "current"
    command = f"{current}/env/bin/python -m edgetl run {current}/bundle --config {current}/run.toml"
    return f"[Service]\nType=notify\nExecStart={command}\nRestart=always\nStartLimitBurst=0\nWatchdogSec=60\n"


class SimulatedService:
    """A service with a simulated clock: after a start, it does what the current release's `run.toml` names.

    Attributes:
        now: the time, s.
        calls: the calls that changed the service.
        unit_path: the file of the unit.
    """

    user = True

    def __init__(self, root: Path) -> None:
        self.unit_path = root.parent / "edgetl.service"
        self.unit_path.write_text(unit_of(root))
        self.root, self.now, self.calls = root, 0.0, []
        self.pid, self.started, self.run = 0, 0.0, ""

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def restart(self) -> None:
        self.calls.append("restart")
        self.pid, self.started = self.pid + 1, self.now
        self.run = (self.root / "current" / "run.toml").read_text().split('"')[1]

    def enable(self) -> None:
        self.calls.append("enable")

    def disable(self) -> None:
        self.calls.append("disable")

    def stop(self) -> None:
        self.calls.append("stop")
        self.pid = 0

    def show(self, *properties: str) -> dict[str, str]:
        age = self.now - self.started
        rows = {"ActiveState": "active", "SubState": "running", "NRestarts": "0", "MainPID": str(self.pid)}
        status = f"results {int(10 * age)}, age {40 + (age * 100 if self.run == 'lags' else 0):.0f} ms"
        if not self.pid:
            return rows | {"ActiveState": "inactive", "SubState": "dead"}
        if self.run == "silent" or age < 1:
            return rows | {"ActiveState": "activating", "SubState": "start", "StatusText": "starting"}
        if self.run == "dies" and age > 20:
            return rows | {"ActiveState": "activating", "SubState": "auto-restart", "MainPID": "0", "NRestarts": "1"}
        if self.run == "restarts" and age > 20:
            return rows | {"NRestarts": "1", "StatusText": status}
        if self.run == "stalls" and age > 20:
            status = "results 200, age 40 ms"
        if self.run == "loses the camera" and age > 20:
            status = "results 200, camera lost"
        if self.run == "can't start":
            return rows | {"ActiveState": "failed", "SubState": "failed", "MainPID": "0", "Result": "exit-code"}
        return rows | {"StatusText": status}
