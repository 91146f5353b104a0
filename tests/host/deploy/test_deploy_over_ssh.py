"""Deployments to devices behind a real sshd on this machine, from the first one to those that go wrong.

The devices have a home of their own, Debian's Python, no package index, and a stand-in for systemctl that supervises
processes by the unit that was written. Needs Debian's openssh-server, rsync and python3.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import loopback_sshd
import pytest
from cameras import MjpegCamera
from homes import edgetl, refused
from loopback_sshd import SshdDevice, needs_sshd

from edgetl.files import sha256_of
from edgetl.host.deploy import deployment

pytestmark = [pytest.mark.slow, needs_sshd]

MOMENTS = int(os.environ.get("EDGETL_KILLS", "6"))
"""The number of moments at which the connection is cut."""
RATES = iter(range(1000, 10_000))
"""No two releases of these tests have the same rate, so that each is new."""


class Place:
    """A workstation with the model `tiny`, a camera, and devices."""

    def __init__(self, home, folder, camera, device):
        self.home, self.folder, self.camera, self.device = home, folder, camera, device

    def words(self, *words, bundle="tiny", run=()):
        """A command line that deploys a release that no device has."""
        rate = str(next(RATES) / 100)
        return ["deploy", *words, self.device.name, bundle, "--", "--source", self.camera.address, "--rate", rate, *run]

    def deploy(self, *words, **options):
        return edgetl(*self.words("--watch", "2s", *words, **options))

    @property
    def current(self):
        return (self.device.home / "edgetl" / "current").resolve().name

    def show(self):
        """What the stand-in says about the service."""
        program = f"{loopback_sshd.PYTHON} -I {self.device.folder}/stand_in_systemctl.py"
        lines = self.device.run(f"{program} --user show edgetl.service").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def require_running(self):
        """Asserts that the current release is whole and gives results."""
        until = time.monotonic() + 30
        before = re.search(r"results (\d+)", self.show()["StatusText"])
        while True:
            now = re.search(r"results (\d+)", self.show()["StatusText"])
            if before and now and int(now[1]) > int(before[1]):
                return
            assert time.monotonic() < until, self.show()
            before = before or now
            time.sleep(0.1)


@pytest.fixture(scope="module")
def place(trained_home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("workstation")
    home = folder / "home"
    shutil.copytree(trained_home.folder, home)
    camera = MjpegCamera(fps=15)
    with SshdDevice("pi") as device, pytest.MonkeyPatch.context() as patch:
        for key, value in trained_home.environment.items():
            patch.setenv(key, value.replace(str(trained_home.folder), str(home)))
        patch.setenv("EDGETL_CACHE", os.environ.get("EDGETL_WHEEL_CACHE") or str(folder / "cache"))
        patch.chdir(home)
        loopback_sshd.install(patch, folder, device)
        made = Place(home, folder, camera, device)
        first = made.deploy()
        assert first.code == 0, first.err
        made.first = first
        yield made
    camera.kill()


@contextmanager
def probed(place):
    """Looks ten times a second whether there is a whole current release."""
    current, missing, done = place.device.home / "edgetl" / "current", [], threading.Event()

    def probe():
        while not done.wait(0.1):
            if not ((current / "bundle" / "bundle.json").is_file() and (current / "env" / "bin" / "python").exists()):
                missing.append(time.monotonic())

    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert not missing


def sent_bytes(done):
    amount, unit = re.search(r"copy +([\d,.]+) (MB|kB) sent", done.err).groups()
    return float(amount.replace(",", "")) * {"MB": 1e6, "kB": 1e3}[unit]


def test_the_first_deployment_names_each_step_and_needs_no_index(place):
    steps = [line.split()[0] for line in place.first.err.splitlines() if re.match(r"[a-z]+ ", line)]
    order = ["check", "copy", "install", "verify", "switch", "watch"]
    assert [step for step in dict.fromkeys(steps) if step in order] == order
    assert "no release runs" in place.first.err
    assert sent_bytes(place.first) > 50e6
    log = (place.device.home / "edgetl" / "deploy.log").read_text()
    assert all(step in log for step in ("receive", "env", "verify", "switch", "watch"))
    place.require_running()


def test_nothing_is_written_outside_edgetls_folder_but_the_unit(place):
    home = place.device.home
    assert {path.name for path in home.iterdir()} <= {"edgetl", ".config", ".stand-in-systemd"}
    assert {path.name for path in (home / ".config").rglob("*") if path.is_file()} <= {"edgetl.service"}


def test_a_second_deployment_sends_only_what_changed(place):
    with probed(place):
        done = place.deploy()
    assert done.code == 0, done.err
    assert "with 0 wheels" in done.err
    assert sent_bytes(done) < 20e3
    place.require_running()


def test_the_same_deployment_again_sends_nothing(place):
    words = place.words("--watch", "1s")
    assert edgetl(*words).code == 0
    again = edgetl(*words)
    assert again.code == 0, again.err
    assert "nothing was sent" in again.err


def test_a_model_that_fails_its_golden_replay_there_is_not_switched_to(place):
    before, bundle = place.current, place.folder / "drifted"
    shutil.copytree(place.home / "models" / "tiny" / "loose", bundle)
    manifest = json.loads((bundle / "bundle.json").read_text())
    for variant in manifest["variants"]:
        golden = bundle / variant["golden"]
        golden.write_text(json.dumps([row[::-1] for row in json.loads(golden.read_text())]))
        variant["golden_sha256"] = sha256_of(golden)
    (bundle / "bundle.json").write_text(json.dumps(manifest))
    with probed(place):
        refused(place.deploy(bundle=str(bundle)), 5)
    assert place.current == before
    place.require_running()


@pytest.mark.parametrize(
    "run", [("--max-frames", "20"), ("--threshold", "0.5", "--iou", "0.5")], ids=["dies", "refuses"]
)
def test_a_run_that_ends_brings_the_earlier_release_back(place, run):
    before = place.current
    with probed(place):
        done = place.deploy("--watch", "10s", run=run)
    refused(done, 5)
    assert before in done.err
    assert place.current == before
    place.require_running()


def test_a_run_without_results_brings_the_earlier_release_back(place):
    before = place.current
    with probed(place):
        done = place.deploy(run=("--source", "http://127.0.0.1:9/nothing.mjpg"))
    refused(done, 5, "no result came")
    assert place.current == before
    place.require_running()


def test_releases_are_listed_rolled_back_and_pruned(place):
    for _ in range(3):  # the current release, the one before and the last proved one are never removed
        assert place.deploy().code == 0
    before = place.current
    assert place.deploy().code == 0
    rows = json.loads(edgetl("deploy", "--list", "pi", "--json").out)
    assert [row["digest"] for row in rows if row["current"]] == [place.current]
    assert len(rows) > 2
    with probed(place):
        assert edgetl("deploy", "--rollback", "pi").code == 0
    assert place.current == before
    assert edgetl("deploy", "--prune", "1", "pi").code == 0
    left = json.loads(edgetl("deploy", "--list", "pi", "--json").out)
    assert before in [row["digest"] for row in left]
    assert len(left) < len(rows)
    assert "current" in edgetl("deploy", "--list", "pi").out
    place.require_running()


def test_a_secret_is_in_no_log_unit_file_or_process_list(place):
    Path("password").write_text("hunter2-of-the-camera\n")
    seen, done = [], threading.Event()

    def look():
        while not done.wait(0.02):
            for words in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    if b"hunter2" in words.read_bytes():
                        seen.append(words.read_bytes())
                except OSError:
                    continue

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    run = ("--camera-password-file", "password", "--source", place.camera.address.replace("//", "//cam@"))
    deployed = place.deploy(run=run)
    done.set()
    thread.join()
    assert deployed.code == 0, deployed.err
    assert not seen
    holding = [path for path in place.device.home.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
    assert [(path.parent.name, path.stat().st_mode & 0o777) for path in holding] == [("secrets", 0o600)]
    assert "hunter2" not in deployed.err + deployed.out
    place.require_running()


def test_two_deployments_at_once_leave_one_whole_release(place):
    def start():
        words = [sys.executable, "-m", "edgetl", *place.words("--watch", "2s")]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    with probed(place):
        both = [start(), start()]
        printed = [one.communicate(timeout=300)[0] for one in both]
    codes = sorted(one.returncode for one in both)
    assert codes[0] == 0, printed
    assert codes[1] in (0, 2), printed
    if codes[1] == 2:
        assert any("another deployment is at work" in text for text in printed), printed
    place.require_running()


def test_the_connection_may_be_cut_at_any_moment(place):
    """The current release stays whole at every moment, and the next attempt succeeds."""
    rng = random.Random(18)
    began = time.monotonic()
    assert place.deploy().code == 0
    whole = time.monotonic() - began
    ends = []
    with probed(place):
        for _ in range(MOMENTS):
            words = [sys.executable, "-m", "edgetl", *place.words("--watch", "2s")]
            with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as attempt:
                time.sleep(rng.uniform(0.1, whole))
                place.device.kill()
                _, err = attempt.communicate(timeout=120)
            place.device.start()
            wait_until_free(place)
            assert attempt.returncode in (0, 1), err
            assert "Traceback" not in err
            ends.append(attempt.returncode)
    assert 1 in ends
    done = place.deploy()
    assert done.code == 0, done.err
    place.require_running()
    assert not list((place.device.home / "edgetl" / "releases").glob(".*"))


def wait_until_free(place):
    """Waits for the end of a switch that went on without its connection."""
    until = time.monotonic() + 120
    while "another deployment" in (done := edgetl("deploy", "pi", "tiny", "--dry-run")).err:
        assert time.monotonic() < until, done.err
        time.sleep(0.5)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_leaves_the_current_release_as_it_is(place, monkeypatch):
    incoming = place.device.home / "edgetl" / "incoming"
    before = place.current
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(incoming)], capture_output=True)
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        os.chown(incoming, 65534, 65534)
        monkeypatch.setattr(deployment, "stage_missing", lambda release, facts, folder: whole(release, folder))
        with probed(place):
            refused(place.deploy(), 1, "disk is full")
    finally:
        subprocess.run(["umount", str(incoming)], check=True)
        shutil.rmtree(incoming, ignore_errors=True)
    assert place.current == before
    monkeypatch.undo()
    assert place.deploy().code == 0
    place.require_running()


def whole(release, folder):
    """All files of a release, as if the device had none."""
    return Path(shutil.copytree(release.folder, folder / release.digest))


def test_several_devices_one_of_them_without_rsync(place, monkeypatch):
    hosts = place.folder / "hosts"
    hosts.write_text("pi\n[yard]\nyard\n")
    with SshdDevice("yard", rsync=False) as yard:
        loopback_sshd.install(monkeypatch, place.folder, place.device, yard)
        words = place.words("--watch", "2s", "--hosts", str(hosts))
        words.remove("pi")
        done = edgetl(*words)
        assert done.code == 0, done.err
        assert "yard: install" in done.err
        assert [row.split()[:2] for row in done.err.splitlines()[-2:]] == [["pi", "deployed"], ["yard", "deployed"]]
        assert (yard.home / "edgetl" / "current").resolve().name == place.current


def test_the_tar_file_installs_itself(place, monkeypatch):
    words = loopback_sshd.release_options()
    made = edgetl("release", "tiny", "-o", "release.tar", *words, "--", "--source", place.camera.address, "--rate", "5")
    assert made.code == 0, made.err
    with SshdDevice("gate") as gate:
        systemd = f"{loopback_sshd.PYTHON} -I {gate.folder}/stand_in_systemctl.py"
        shutil.copy("release.tar", gate.folder / "release.tar")
        printed = gate.run(f"tar -xf {gate.folder}/release.tar && sh edgetl-release/install.sh --watch 2; echo $?")
        assert printed.splitlines()[-1] == "0", printed
        assert "ActiveState=active" in gate.run(f"{systemd} --user show edgetl.service")
        assert (gate.home / "edgetl" / "current" / "run.toml").is_file()
