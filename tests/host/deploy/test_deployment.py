"""A deployment as far as it goes without an environment on the device; test_deploy_over_ssh.py has the rest."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from handmade_wheels import make_index, make_wheel, use_index
from homes import edgetl, refused

from edgetl.bundle import Bundle
from edgetl.device.release.digests import checked_release
from edgetl.errors import ModelError
from edgetl.host.deploy.device_platform import DevicePlatform
from edgetl.host.deploy.extras import extras_of
from edgetl.host.deploy.read_facts import DeviceFacts, DevicePython
from edgetl.host.deploy.remote_device import Device, NoReleaseError
from edgetl.host.deploy.transport import Ssh
from edgetl.host.deploy.wheels import Wheel
from edgetl.host.deploy.write_release import checked_files, missing_wheels, stage_missing, write_release

PI = DevicePlatform("3.11", "aarch64", "glibc 2.36")
SYSTEMCTL = "#!/bin/sh\necho Version=252\n"


@pytest.fixture
def pi(home, devices, monkeypatch):
    """A device with systemd."""
    use_index(monkeypatch, make_index(home.folder / "index"))
    systemctl = devices.folder / "systemctl"
    systemctl.write_text(SYSTEMCTL)
    systemctl.chmod(0o755)
    return devices.add("pi", EDGETL_SYSTEMCTL=str(systemctl))


@pytest.fixture
def bundle(home):
    return Bundle.open(home.bundle)


def facts(**changes) -> DeviceFacts:
    python = DevicePython("/usr/bin/python3", "3.11.2", 64, "glibc 2.36", venv=True, ensurepip=False)
    known = {"host": "pi", "home": "/home/pi", "root": False, "arch": "aarch64", "pythons": (python,)}
    known |= {"systemd": {"user": True}, "free": 10**10, "current": None, "releases": {}, "envs": (), "wheels": {}}
    return DeviceFacts(**{**known, **changes})


def wheels(folder: Path) -> tuple[Wheel, ...]:
    folder.mkdir()
    made = []
    for name in ("edgetl", "numpy"):
        path = folder / f"{name}-1-py3-none-any.whl"
        path.write_text(name)
        made.append(Wheel.read(path))
    return tuple(made)


def test_a_dry_run_checks_the_device_and_changes_nothing(pi, home, devices):
    done = edgetl("deploy", "me@pi", "tiny", "--dry-run", "--", "--source", "0", "--serve", "8080")
    assert done.code == 0, done.err
    assert "no release runs" in done.err
    assert "missing there" in done.err
    assert sorted(path.name for path in pi.iterdir()) == [".environment"]


def test_the_release_is_what_its_digest_says_and_the_same_each_time(bundle, tmp_path):
    some = wheels(tmp_path / "wheels")
    first = write_release(tmp_path / "one", bundle, {"source": "0"}, PI, some)
    assert checked_release(tmp_path / "one").digest == first.digest
    assert write_release(tmp_path / "two", bundle, {"source": "0"}, PI, some).digest == first.digest
    other = write_release(tmp_path / "three", bundle, {"source": "1"}, PI, some)
    assert (other.digest != first.digest, other.env) == (True, first.env)
    assert (tmp_path / "one" / "run.toml").read_text() == 'source = "0"\n'
    rows = json.loads((tmp_path / "one" / "release.json").read_text())
    assert (rows["name"], rows["bundle"], rows["arch"]) == ("tiny", "tiny/loose", "aarch64")
    assert [Path(name).name for name in first.files if "report" in name] == []


def test_only_what_is_missing_is_staged(bundle, tmp_path):
    some = wheels(tmp_path / "wheels")
    old = write_release(tmp_path / "old", bundle, {"source": "0"}, PI, some)
    new = write_release(tmp_path / "new", bundle, {"source": "1"}, PI, some)
    there = facts(releases={old.digest: old.files}, wheels={some[1].path.name: some[1].sha256})
    stage = stage_missing(new, there, tmp_path / "stage")
    sent = sorted(path.relative_to(stage).as_posix() for path in stage.rglob("*") if path.is_file())
    assert sent == ["release.json", "reuse.json", "run.toml", f"wheels/{some[0].path.name}"]
    reuse = json.loads((stage / "reuse.json").read_text())
    assert reuse == {name: sha256 for name, sha256 in new.files.items() if name != "run.toml"}
    assert missing_wheels(new, facts(envs=(new.env,))) == []
    altered = facts(wheels={wheel.path.name: "0" * 64 for wheel in some})
    assert missing_wheels(new, altered) == list(some)


@pytest.mark.parametrize("damage", ["model", "photo", "scores", "missing"])
def test_a_tampered_bundle_is_refused_before_a_connection_is_made(home, devices, damage):
    devices.add("pi")
    bundle = Bundle.open(home.bundle)
    variant = bundle.variant()
    name = {"model": variant.file, "photo": bundle.manifest.golden[0].file, "scores": variant.golden}.get(damage)
    if name:
        (home.bundle / name).write_bytes((home.bundle / name).read_bytes() + b"x")
    else:
        (home.bundle / variant.file).unlink()
    refused(edgetl("deploy", "pi", "tiny", "--", "--source", "0"), 4)
    assert not (devices.folder / "calls").exists()


def test_a_device_without_systemd_is_refused(home, devices, monkeypatch):
    devices.add("pi", EDGETL_SYSTEMCTL="/bin/false")
    refused(edgetl("deploy", "pi", "tiny"), 2, "no systemd answers")


def test_a_device_that_is_being_deployed_to_is_refused_with_the_holders_name(pi, home):
    lock = pi / "edgetl" / "lock"
    lock.mkdir(parents=True)
    (lock / "holder.json").write_text(json.dumps({"holder": "ada@desk", "pid": 1, "time": "2026-11-28T18:00:00Z"}))
    script = "import fcntl, sys; file = open(sys.argv[1], 'a+'); fcntl.flock(file, fcntl.LOCK_EX); print(flush=True)\n"
    script += "sys.stdin.read()"
    command = [sys.executable, "-c", script, str(lock / "holder.json")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        refused(edgetl("deploy", "pi", "tiny"), 2, "ada@desk")
        holder.stdin.close()


def test_a_device_of_32_bits_is_refused_before_anything_is_copied(pi, home, monkeypatch):
    python = DevicePython("/usr/bin/python3", "3.11.2", 32, "glibc 2.36", venv=True, ensurepip=True)
    answer = facts(pythons=(python,), arch="aarch64")
    monkeypatch.setattr("edgetl.host.deploy.remote_device.Device.facts", lambda self: answer)
    refused(edgetl("deploy", "pi", "tiny"), 2, "32 bits")
    assert not (pi / "edgetl").exists()


def test_a_device_without_room_is_refused(pi, home, monkeypatch):
    monkeypatch.setattr("edgetl.host.deploy.remote_device.Device.facts", lambda self: facts(free=1000))
    monkeypatch.setattr("edgetl.host.deploy.deployment.collect_wheels", lambda *_, **__: ())
    refused(edgetl("deploy", "pi", "tiny", "--dry-run"), 2, "1.0 kB free")


def test_the_extras_are_those_that_the_run_needs(bundle):
    assert extras_of(bundle, {}) == ("device",)
    assert extras_of(bundle, {"mqtt": "mqtt://broker", "save": "films/"}) == ("device", "mqtt", "video")


def test_options_of_the_run_are_checked_before_a_connection_is_made(home, devices):
    devices.add("pi")
    for words, reason in [
        (["--no-such-option"], "--no-such-option"),
        (["--rate", "fast"], "fast"),
        (["--source", "rtsp://cam:hunter2@10.0.0.7/"], "password"),
        (["--mqtt-password-file", "missing"], "no such file"),
    ]:
        done = edgetl("deploy", "pi", "tiny", "--", *words)
        assert done.code == 2, done.err
        assert reason in done.err
        assert "hunter2" not in done.err
    assert not (devices.folder / "calls").exists()


@pytest.mark.parametrize(
    "words",
    [
        *([], ["pi"], ["pi", "a", "b"], ["--list"], ["--rollback", "--list", "pi"], ["--list", "pi", "tiny"]),
        *(["--rollback", "--dry-run", "pi"], ["--prune", "1", "--dry-run", "pi"]),
        ["--list", "pi", "--", "--source", "0"],
    ],
    ids=str,
)
def test_wrong_arguments_are_a_usage_error(home, devices, words):
    devices.add("pi")
    assert edgetl("deploy", *words).code == 2
    assert not (devices.folder / "calls").exists()


def test_a_device_without_a_release_has_an_empty_list_and_nothing_to_return_to(home, devices):
    devices.add("pi")
    assert edgetl("deploy", "--list", "pi").out.split("\n")[:2] == ["pi:", "no release is there"]
    (home.folder / "hosts").write_text("nowhere\npi\n")
    done = edgetl("deploy", "--hosts", "hosts", "--list")
    assert done.code == 1
    assert "no release is there" in done.out
    assert "1 device of 2 failed: nowhere" in done.err
    for words in (["--rollback", "pi"], ["--prune", "1", "pi"]):
        refused(edgetl("deploy", *words), 2, "edgetl deploy HOST BUNDLE")


def test_releases_are_managed_from_any_environment_if_none_is_current(devices):
    env = devices.add("pi") / "edgetl" / "envs" / "0123456789abcdef"
    env.mkdir(parents=True)
    with Ssh("pi") as ssh:
        with pytest.raises(NoReleaseError):
            Device(ssh).env()
        (env / ".complete").touch()
        assert Device(ssh).env() == f"envs/{env.name}"


def test_labels_that_are_not_the_models_are_refused(bundle, tmp_path):
    other = tmp_path / "private"
    other.write_text("hunter2")
    (bundle.folder / "labels.txt").unlink()
    (bundle.folder / "labels.txt").symlink_to(other)
    with pytest.raises(ModelError):
        checked_files(bundle)


def test_a_failing_canary_shows_in_the_table_and_in_the_exit_code(home, devices):
    (home.folder / "hosts").write_text("nowhere\npi\n")
    devices.add("pi")
    done = edgetl("deploy", "--hosts", "hosts", "tiny")
    assert done.code == 1
    rows = done.err.splitlines()
    assert [row for row in rows if row.split()[:2] == ["nowhere", "failed"]]
    assert [row for row in rows if row.split()[:3] == ["pi", "not", "tried"]]


def test_a_release_in_a_file_has_everything_but_the_secrets(home, monkeypatch, tmp_path):
    use_index(monkeypatch, make_index(home.folder / "index"))
    Path("password").write_text("hunter2")
    options = ["--", "--source", "0", "--mqtt", "mqtt://cam@broker", "--mqtt-password-file", "password"]
    make_wheel(home.folder / "index", "paho-mqtt")
    done = edgetl("release", "tiny", "-o", "out/release.tar", *options)
    assert done.code == 0, done.err
    assert "~/edgetl/secrets/mqtt-password-file, with mode 0600" in done.err
    with tarfile.open("out/release.tar") as archive:
        archive.extractall(tmp_path / "out", filter="data")
    folder = tmp_path / "out" / "edgetl-release"
    assert checked_release(folder / "release").name == "tiny"
    assert list((folder / "release" / "wheels").glob("paho_mqtt*"))
    assert 'mqtt-password-file = "~/edgetl/secrets/mqtt-password-file"' in (folder / "release/run.toml").read_text()
    assert b"hunter2" not in Path("out/release.tar").read_bytes()
    subprocess.run(["sh", "-n", str(folder / "install.sh")], check=True)
    assert [path.name for path in Path("out").iterdir()] == ["release.tar"]
