"""The service under a systemd that is really booted, as a service of the system and as a user's own.

It needs root, cgroup v2 and the Debian package debootstrap; see `systemd_machine.py`.
"""

from __future__ import annotations

import re
import shutil
import sys
import time
from pathlib import Path

import cv2
import pytest
from cameras import MjpegCamera
from systemd_machine import Machine, NotHereError, booted_machine

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent.parent
PYTHON = "/opt/env/bin/python"
BINDS = {ROOT: "/opt/edgetl", Path(cv2.__file__).parent.parent: "/opt/packages"}
TOKEN = "hunter2-hunter2-hunter2"


def prepare(booted: Machine, bundle: Path) -> None:
    """Gives a booted system the user `pi`, this edgetl at `/opt/env`, and a bundle at `/opt/bundle`."""
    version = f"python3.{sys.version_info.minor}"
    if not (booted.root / "usr/bin" / version).exists():
        pytest.skip(f"the booted system has no {version}, for which the packages here are")
    booted.add_user("pi")
    booted.require("python3", "-m", "venv", "--without-pip", "/opt/env")
    paths = booted.root / "opt/env/lib" / version / "site-packages" / "here.pth"
    paths.write_text("/opt/edgetl\n/opt/packages\n")
    shutil.copytree(bundle, booted.root / "opt/bundle")
    booted.require("chmod", "-R", "a+rX", "/opt/bundle")


@pytest.fixture(scope="module")
def machine(whole_bundle):
    """A booted system, prepared."""
    try:
        with booted_machine(BINDS) as booted:
            prepare(booted, whole_bundle)
            yield booted
    except NotHereError as error:
        pytest.skip(str(error))


class Installed:
    """The installed service."""

    def __init__(self, machine: Machine, user: str):
        self.machine, self.user = machine, user

    def edgetl(self, *words):
        return self.machine.require(PYTHON, "-m", "edgetl", *words, user=self.user)

    def show(self, name):
        return self.machine.show(name, user=self.user)[name]

    def wait_for(self, condition, seconds=60.0):
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, self.edgetl("service", "logs")
            time.sleep(0.2)

    @property
    def pid(self):
        """The number of the run's process."""
        self.wait_for(lambda: self.show("MainPID") != "0")
        return self.show("MainPID")

    @property
    def results(self):
        words = self.show("StatusText").split()
        return int(words[1].rstrip(",")) if words[:1] == ["results"] else 0


@pytest.fixture(scope="module")
def camera():
    with MjpegCamera(fps=20) as opened:
        yield opened


@pytest.fixture(scope="module", params=["root", "pi"], ids=["system", "user"])
def installed(machine, camera, request):
    """The service that runs as `pi`: of the system, installed by root; and of the user, installed by `pi`."""
    home = "/root" if request.param == "root" else "/home/pi"
    machine.require("sh", "-c", f"umask 077; printf {TOKEN} > {home}/token", user=request.param)
    manager = ["--account", "pi"] if request.param == "root" else ["--user"]
    service = Installed(machine, request.param)
    run = ["--source", camera.address, "--stall", "1s", "--serve", "0.0.0.0:0", "--token-file", f"{home}/token"]
    service.edgetl("service", "install", "/opt/bundle", "--yes", *manager, "--watchdog", "4s", "--", *run)
    yield service
    service.edgetl("service", "uninstall", "--yes")
    assert machine.run("systemctl", "cat", "edgetl.service").returncode


def test_it_is_active_after_its_first_result_and_counts_them(installed):
    installed.wait_for(lambda: installed.show("ActiveState") == "active")
    before = installed.results
    assert before
    installed.wait_for(lambda: installed.results > before)
    assert "active (running), starts at boot" in installed.edgetl("service", "status")
    assert "Started edgetl.service" in installed.edgetl("service", "logs")


def test_the_process_has_no_rights_and_writes_below_its_folder_alone(installed):
    pid = installed.pid
    rows = installed.machine.require("cat", f"/proc/{pid}/status").splitlines()
    facts = {name: value.split() for name, _, value in (row.partition(":") for row in rows)}
    assert facts["Uid"][0] == installed.machine.require("id", "-u", "pi").strip()
    assert (facts["CapEff"], facts["NoNewPrivs"], facts["Seccomp"]) == (["0" * 16], ["1"], ["2"])
    inside = ["nsenter", f"--target={pid}", "--mount", "touch"]
    for path in ("/etc/new", "/home/pi/new", "/usr/new", "/sys/fs/cgroup/new"):
        assert "Read-only file system" in installed.machine.run(*inside, path).stderr, path
    installed.machine.require(*inside, "/home/pi/edgetl/new")


def test_a_device_of_the_group_video_may_be_opened(installed):
    """No camera can be made here, so a device of another kind has the camera's group; of the system's unit only that
    kind, which stands for the cameras', keeps the service from it.
    """
    machine, unit = installed.machine, installed.show("FragmentPath")
    machine.require("sh", "-c", "test -e /dev/camera || mknod -m 660 /dev/camera c 10 183; chgrp video /dev/camera")
    text = re.sub(r"^(ExecStart|Type|Restart|WatchdogSec)=.*\n", "", machine.require("cat", unit), flags=re.M)

    def opens(*lines):
        """Whether a process under the same rules can open the device."""
        head = "\n".join(["[Service]", "Type=oneshot", "ExecStart=/bin/sh -c ': < /dev/camera'", *lines])
        trial = (machine.root / unit.lstrip("/")).with_name("trial.service")
        trial.write_text(text.replace("[Service]", head))
        manager = [] if installed.user == "root" else ["--user"]
        machine.require("systemctl", *manager, "daemon-reload", user=installed.user)
        done = machine.run("systemctl", *manager, "start", "trial.service", user=installed.user)
        trial.unlink()
        return done.returncode == 0

    if installed.user == "root":
        assert not opens()
        assert opens("DeviceAllow=char-misc rw")
    else:
        assert opens()


def test_nothing_shows_the_secret(installed):
    pid = installed.pid
    machine = installed.machine
    assert TOKEN not in machine.require("sh", "-c", f"cat /proc/{pid}/cmdline /proc/{pid}/environ")
    assert TOKEN not in machine.require("journalctl", "--no-pager")
    unit = installed.show("FragmentPath")
    assert TOKEN not in machine.require("cat", unit, "/home/pi/edgetl/service/run.toml")


def test_nothing_is_written_but_the_unit_and_the_folder(installed):
    command = ["find", "/home/pi", "/etc", "-newer", "/opt/env/pyvenv.cfg", "-type", "f", "-not", "-path", "*/.cache/*"]
    written = set(installed.machine.require(*command).split())
    own = {"/home/pi/token", installed.show("FragmentPath")}
    kept = {path for path in written if path.startswith("/home/pi/edgetl/")}
    assert {"/home/pi/edgetl/service/run.toml"} <= kept
    assert written - own - kept <= {"/etc/machine-id", "/etc/resolv.conf"}


def test_the_watchdog_fires_when_results_stop_while_the_process_lives(installed):
    before, pid = int(installed.show("NRestarts")), installed.pid
    installed.machine.require("kill", "-STOP", pid)
    stopped_at = time.monotonic()
    installed.wait_for(lambda: installed.show("Result") == "watchdog", seconds=15)
    assert 2 < time.monotonic() - stopped_at < 10
    installed.wait_for(lambda: int(installed.show("NRestarts")) == before + 1 and installed.results)
    assert installed.pid != pid
    assert "most recent call first" in installed.edgetl("service", "logs")  # where each thread was


def test_a_run_that_is_killed_comes_back(installed):
    before = int(installed.show("NRestarts"))
    installed.machine.require("kill", "-KILL", installed.pid)
    installed.wait_for(lambda: int(installed.show("NRestarts")) == before + 1 and installed.results)


def test_a_lost_camera_is_waited_for_longer_than_the_watchdog(installed, camera):
    before, pid = installed.show("NRestarts"), installed.pid
    camera.kill()
    installed.wait_for(lambda: installed.show("StatusText").endswith("camera lost"))
    lost_at = time.monotonic()
    while time.monotonic() < lost_at + 8:  # twice the watchdog's time
        assert installed.pid == pid
        time.sleep(0.5)
    results = installed.results
    camera.start()
    installed.wait_for(lambda: installed.results > results)
    assert (installed.pid, installed.show("NRestarts")) == (pid, before)


@pytest.mark.parametrize("user", ["root", "pi"], ids=["system", "user"])
def test_the_service_starts_by_itself_after_a_power_cut(tmp_path, whole_bundle, camera, user):
    """A user's own as well, although the user is not logged in."""
    manager = ["--account", "pi"] if user == "root" else ["--user"]
    try:
        with booted_machine(BINDS, tmp_path) as machine:
            prepare(machine, whole_bundle)
            service = Installed(machine, user)
            service.edgetl("service", "install", "/opt/bundle", "--yes", *manager, "--", "--source", camera.address)
            machine.require("sync")
        with booted_machine(BINDS, tmp_path) as machine:
            service = Installed(machine, user)
            service.wait_for(lambda: service.show("ActiveState") == "active" and service.results)
            service.edgetl("service", "uninstall", "--yes")
    except NotHereError as error:
        pytest.skip(str(error))


def test_a_stopped_service_ends_well_and_stays_stopped(installed):
    manager = [] if installed.user == "root" else ["--user"]
    installed.machine.require("systemctl", *manager, "stop", "edgetl.service", user=installed.user)
    assert (installed.show("ActiveState"), installed.show("ExecMainStatus")) == ("inactive", "0")
    assert "frames in" in installed.edgetl("service", "logs")
    installed.machine.require("systemctl", *manager, "start", "edgetl.service", user=installed.user)
