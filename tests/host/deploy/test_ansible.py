"""The playbook of the documentation, run by ansible-core against a real sshd; needs $EDGETL_ANSIBLE_PYTHON."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import loopback_sshd
import pytest
from cameras import MjpegCamera
from homes import edgetl
from loopback_sshd import SshdDevice, needs_sshd

PYTHON = os.environ.get("EDGETL_ANSIBLE_PYTHON", "")
PLAYBOOK = Path(__file__).parents[3] / "docs" / "examples" / "deploy_release.yml"

pytestmark = [
    pytest.mark.peer,
    needs_sshd,
    pytest.mark.skipif(not PYTHON, reason="set EDGETL_ANSIBLE_PYTHON to a Python that has ansible-core"),
]


def test_the_playbook_has_twenty_lines():
    assert len(PLAYBOOK.read_text().splitlines()) <= 20


def test_the_playbook_installs_a_release_on_two_devices(home, monkeypatch, tmp_path):
    camera = MjpegCamera(fps=15)
    if cache := os.environ.get("EDGETL_WHEEL_CACHE"):
        monkeypatch.setenv("EDGETL_CACHE", cache)
    words = loopback_sshd.release_options()
    made = edgetl("release", "tiny", "-o", "release.tar", *words, "--", "--source", camera.address, "--rate", "5")
    assert made.code == 0, made.err
    digest = re.search(r"release +([0-9a-f]{16})", made.err)[1]
    with SshdDevice("pi") as pi, SshdDevice("yard") as yard:
        loopback_sshd.install(monkeypatch, tmp_path, pi, yard)
        hosts = tmp_path / "hosts.ini"
        hosts.write_text(f"pi\nyard\n[all:vars]\nansible_python_interpreter={loopback_sshd.PYTHON}\n")
        variables = {
            "ANSIBLE_SSH_ARGS": f"-F {tmp_path}/ssh_config",
            "ANSIBLE_HOME": str(tmp_path / "ansible"),
            "ANSIBLE_PIPELINING": "1",
            "LC_ALL": "C.UTF-8",
        }
        playbook = [str(Path(PYTHON).parent / "ansible-playbook"), "-i", str(hosts), str(PLAYBOOK)]
        command = [*playbook, "-e", f"release={Path('release.tar').absolute()}", "-e", "watch=2"]

        def play():
            done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        play()
        for device in (pi, yard):
            assert (device.home / "edgetl" / "current").resolve().name == digest
            assert not (device.home / "edgetl" / "upload").exists()
        assert "changed: [pi] => Install" not in play()
    camera.kill()
