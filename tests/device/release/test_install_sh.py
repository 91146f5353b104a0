"""The script in a release's tar file installs it for those who manage their devices with other software."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from device_releases import PYTHON, seal, wheels_of_this_python
from stand_in import SystemdStandIn

import edgetl.device.release
from edgetl.device.release.bootstrap import program
from edgetl.device.release.device_facts import current_digest
from edgetl.device.release.history import read_history

SCRIPT = Path(edgetl.device.release.__file__).parent / "install.sh"


@pytest.fixture
def install(root, tmp_path, monkeypatch, small_bundle):
    """Unpacks a release whose run does what is named, calls its script as a user does, and returns the exit code."""
    wheels = wheels_of_this_python(tmp_path / "made")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "id").write_text('#!/bin/sh\n[ "$1" = -u ] && echo 1000 || echo pi\n')
    (tmp_path / "run").write_text(PYTHON)
    for file in ("bin/id", "run"):
        (tmp_path / file).chmod(0o755)

    def unpack(run, change=lambda folder: None):
        folder = tmp_path / f"unpacked {run}"
        new = folder / "new"
        shutil.copytree(small_bundle, new / "bundle")
        (new / "run.toml").write_text(f'source = "{run}"\n')
        digest = seal(new, wheels)
        (folder / digest).rename(folder / "release")
        (folder / "bootstrap.py").write_text(program())
        shutil.copyfile(SCRIPT, folder / "install.sh")
        change(folder / "release")
        environment = os.environ | {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
        command = ["sh", folder / "install.sh", "--watch", "2"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/")
        assert done.stderr == ""
        return done.returncode, digest

    with SystemdStandIn(root.parent, monkeypatch) as systemd:
        current = root / "current"
        systemd.write_unit(f"[Service]\nType=notify\nExecStart={tmp_path}/run --config {current}/run.toml\n")
        yield unpack


@pytest.mark.slow
def test_a_release_is_installed_and_one_that_fails_is_rolled_back(root, install):
    code, first = install("good")
    assert (code, current_digest(root)) == (0, first)
    assert [switch.outcome for switch in read_history(root)] == ["proved"]
    code, _ = install("dies")
    assert (code, current_digest(root)) == (5, first)
    code, _ = install("altered", lambda folder: (folder / "bundle" / "float32.tflite").write_text("other"))
    assert (code, current_digest(root)) == (4, first)
    assert [switch.outcome for switch in read_history(root)] == ["proved", "rolled back"]


def test_root_must_name_a_user():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    environment = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(["sh", SCRIPT], capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert "EDGETL_USER" in done.stderr
