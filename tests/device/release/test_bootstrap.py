"""The program that prepares a device before edgetl is there: any Python from 3.9 on, and its standard library."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from contextlib import suppress

import pytest
from device_releases import wheels_of_this_python, write_release

from edgetl.device.release.bootstrap import program
from edgetl.device.release.device_lock import device_lock


@pytest.fixture
def bootstrap(root):
    """Runs the program as the workstation does; returns the exit code and the answer."""

    def run(*words, kill_after=None):
        environment = {"HOME": str(root.parent), "PATH": "/usr/bin:/bin", "EDGETL_SYSTEMCTL": "false"}
        command = [sys.executable, "-I", "-S", "-", *words]
        options = {"input": program(), "capture_output": True, "text": True, "env": environment, "cwd": "/"}
        if kill_after:
            with suppress(subprocess.TimeoutExpired):
                subprocess.run(command, timeout=kill_after, **options)
            return None
        done = subprocess.run(command, **options)
        assert done.stderr == ""
        return done.returncode, json.loads(done.stdout)

    return run


def test_the_program_can_be_read_by_python_3_9():
    for node in ast.walk(ast.parse(program())):
        if isinstance(node, ast.Dict):
            for text in node.values:
                ast.parse(ast.literal_eval(text), feature_version=(3, 9))


def test_the_facts_of_a_device_that_has_nothing(root, bootstrap):
    root.rmdir()
    code, facts = bootstrap("facts")
    assert code == 0
    assert facts["home"] == str(root.parent)
    assert facts["arch"] == os.uname().machine
    (running,) = (python for python in facts["pythons"] if python["path"] == os.path.realpath(sys.executable))
    assert running["version"] == sys.version.split()[0]
    assert (running["bits"], running["venv"]) == (64, True)
    assert facts["systemd"] == {"system": False, "user": False}
    assert facts["free"] > 0
    assert (facts["current"], facts["releases"], facts["envs"], facts["wheels"]) == (None, {}, [], {})
    assert not root.exists()


def test_a_release_is_received_and_its_environment_made_from_the_wheels_alone(root, bootstrap, tmp_path):
    wheels = wheels_of_this_python(tmp_path / "made")
    digest = write_release(root, wheels=wheels)
    code, answer = bootstrap("env", digest)
    assert (code, answer["code"]) == (4, 4)
    assert bootstrap("receive", digest) == (0, {"received": digest, "already": False})
    code, answer = bootstrap("env", digest)
    assert (code, answer["already"]) == (0, False)
    python = root / "releases" / digest / "env" / "bin" / "python"
    asked = subprocess.run([python, "-c", "import edgetl, numpy"], capture_output=True, text=True)
    assert asked.returncode == 0, asked.stderr
    assert bootstrap("env", digest)[1]["already"] is True
    code, facts = bootstrap("facts")
    assert list(facts["releases"][digest]) == ["run.toml", "bundle/float32.tflite", "bundle/golden/0.png"]
    assert facts["envs"] == [answer["env"]]
    assert sorted(facts["wheels"]) == sorted(wheels)
    assert f"env: {digest} is done" in (root / "deploy.log").read_text()


@pytest.mark.slow
def test_an_environment_that_cannot_be_made_leaves_nothing(root, bootstrap, tmp_path):
    wheels = wheels_of_this_python(tmp_path / "made")
    broken = tmp_path / "made" / "broken-1.0-py3-none-any.whl"
    broken.write_text("this is no wheel")
    digest = write_release(root, wheels={**wheels, broken.name: broken})
    assert bootstrap("receive", digest)[0] == 0
    code, answer = bootstrap("env", digest)
    assert code == 1
    assert "the environment can't be made" in answer["error"]
    assert not list((root / "envs").iterdir())
    (root / "wheels" / broken.name).write_text("altered")
    assert bootstrap("env", digest)[0] == 4
    (root / "wheels" / broken.name).unlink()
    assert bootstrap("env", digest)[0] == 1


def test_another_deployment_is_named_and_nothing_is_touched(root, bootstrap):
    digest = write_release(root)
    with device_lock(root, "ann@desk"):
        code, answer = bootstrap("receive", digest)
        assert bootstrap("facts")[1]["locked_by"].startswith(f"ann@desk, process {os.getpid()}, since 20")
    assert code == 2
    assert "another deployment is at work: ann@desk" in answer["error"]
    assert bootstrap("receive", digest)[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1])
def test_an_environment_whose_making_was_killed_is_made_again(root, bootstrap, tmp_path, seconds):
    """Also while pip goes on for a moment, which holds the lock."""
    digest = write_release(root, wheels=wheels_of_this_python(tmp_path / "made"))
    assert bootstrap("receive", digest)[0] == 0
    bootstrap("env", digest, kill_after=seconds)
    assert bootstrap("env", digest, "--wait", "60")[0] == 0
    python = root / "releases" / digest / "env" / "bin" / "python"
    assert subprocess.run([python, "-c", "import edgetl, numpy"]).returncode == 0
