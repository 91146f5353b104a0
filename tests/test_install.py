"""Every install command that is printed names something that exists: the package is on no index under its name."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from homes import edgetl

from edgetl import install

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FROM_AN_INDEX = re.compile(r"pip3? install[^\n]*\s['\"]?edgetl(\[[\w,-]+\])?(?=['\"\s;,.]|$)")
"""An install line that names the package where pip expects a package of the index."""


class Installed:
    """What importlib.metadata says of an installation."""

    def __init__(self, record: object = None, requires: tuple[str, ...] = ()) -> None:
        self.requires = requires
        self._record = record

    def read_text(self, name: str) -> str | None:
        return json.dumps(self._record) if name == "direct_url.json" and self._record else None


def shipped_texts():
    for pattern in (
        "README.md",
        "edgetl/**/*.py",
        "edgetl/**/*.j2",
        "edgetl/**/*.html",
        "models/**/*.md",
        "docs/**/*.md",
    ):
        yield from ROOT.glob(pattern)


def test_nothing_names_the_package_as_if_an_index_had_it():
    assert FROM_AN_INDEX.search(".venv/bin/pip install 'edgetl[device]'   # on the device")
    assert FROM_AN_INDEX.search("python -m pip install edgetl")
    found = {path.name: FROM_AN_INDEX.findall(path.read_text()) for path in shipped_texts()}
    assert len(found) > 100
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_a_checkout_is_installed_from_itself(extra):
    assert shlex.split(install.install_command(extra)) == [
        sys.executable, "-m", "pip", "install", "-e", f"{ROOT}[{extra}]"
    ]  # fmt: skip


def test_what_came_from_a_wheel_is_installed_from_that(monkeypatch, tmp_path):
    wheel = tmp_path / "my wheels" / "edgetl-0.1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.touch()
    monkeypatch.setattr(install, "_checkout", lambda: None)
    monkeypatch.setattr(
        install, "distribution", lambda name: Installed({"url": wheel.as_uri()}, ("rich>=13; extra == 'train'",))
    )
    command = shlex.split(install.install_command("device"))
    assert command[4:] == ["--find-links", str(wheel.parent), f"{wheel}[device]"]
    wheel.unlink()
    assert shlex.split(install.install_command("train"))[4:] == ["rich>=13"]


def test_the_packages_of_an_extra_are_those_of_the_project():
    declared = PROJECT["optional-dependencies"]
    assert set(install.packages("mqtt")) == set(declared["mqtt"])
    assert set(install.packages("device")) == {*declared["tflite"], *declared["page"]}
    assert set(install.packages("train")) >= {*declared["tflite"], "rich>=13.7"}


def test_a_command_of_the_workstation_names_its_extra(monkeypatch, empty_home):
    monkeypatch.setitem(sys.modules, "rich", None)
    for name in [name for name in sys.modules if name.startswith(("edgetl.host", "rich."))]:
        monkeypatch.delitem(sys.modules, name)
    done = edgetl("train", "photos")
    assert done.code == 1
    assert "`edgetl train` needs" in done.err
    assert install.install_command("train") in done.err


def documented_commands(*words: str) -> list[str]:
    """The lines of shell about the device that begin with some words, continued lines joined."""
    text = (ROOT / "docs" / "on-the-pi.md").read_text().replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip().startswith(words)]


def test_the_documentation_builds_the_wheel_that_it_installs():
    wheel = f"edgetl-{PROJECT['version']}-py3-none-any.whl"
    lines = documented_commands(".venv/bin/pip")
    assert [line for line in lines if "pip wheel" in line]
    named = re.findall(r"edgetl-[\w.]+-py3-none-any\.whl", "\n".join(lines))
    assert set(named) == {wheel}


@pytest.mark.slow
def test_the_documentation_brings_edgetl_to_a_device_without_internet(tmp_path):
    """Builds the wheel and downloads the wheels for arm64 as documented; tests/arm64 installs such wheels."""
    pip = shlex.join([sys.executable, "-m", "pip", "--disable-pip-version-check"])
    (tmp_path / "checkout").symlink_to(ROOT)
    for line in documented_commands(".venv/bin/pip wheel", ".venv/bin/pip download"):
        command = line.replace(".venv/bin/pip", pip).removesuffix(" .") + (" checkout/" if line.endswith(" .") else "")
        subprocess.run(command, shell=True, cwd=tmp_path, check=True, capture_output=True)
    names = {path.name.split("-")[0] for path in (tmp_path / "wheels").glob("*.whl")}
    assert {"edgetl", "ai_edge_litert", "opencv_python_headless", "numpy", "click", "starlette", "uvicorn"} <= names
