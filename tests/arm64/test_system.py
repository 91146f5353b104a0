"""How the emulated system is made, kept and removed, without one."""

from __future__ import annotations

import subprocess

import emulation
import pytest
import system
from emulation import NotHereError, NotInstalledError
from system import FailedError


def test_half_a_system_is_never_taken_for_a_whole_one(tmp_path, monkeypatch):
    root = tmp_path / "kept"
    (tmp_path / ".kept.killed" / "usr").mkdir(parents=True)

    def half(command, variables=None):
        if "debootstrap" in command:
            (system.Path(command[-1]) / "usr").mkdir()
            raise FailedError("the mirror is gone")
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    monkeypatch.setattr(system, "_require", half)
    with pytest.raises(FailedError, match="the mirror is gone"):
        system._make(root)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_which_something_is_mounted_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(system, "_mounted", lambda: [tmp_path / "root" / "proc"])
    (tmp_path / "root" / "proc").mkdir(parents=True)
    with pytest.raises(FailedError, match="is mounted; umount"):
        system.remove(tmp_path / "root")
    assert (tmp_path / "root" / "proc").is_dir()


def test_systems_are_kept_outside_the_repository(monkeypatch, tmp_path):
    monkeypatch.delenv("EDGETL_ARM64_ROOT", raising=False)
    monkeypatch.setenv("EDGETL_CACHE", str(tmp_path))
    assert system.kept_folder() == tmp_path / "arm64"
    monkeypatch.setenv("EDGETL_ARM64_ROOT", str(tmp_path / "elsewhere"))
    assert system.kept_folder() == tmp_path / "elsewhere"


@pytest.mark.parametrize(
    ("uid", "found", "error", "says"),
    [
        (1000, ("debootstrap", "apt-get"), NotHereError, "only root"),
        (0, ("unshare", "apt-get"), NotInstalledError, "apt-get install .* debootstrap qemu-user-static"),
        (0, ("unshare",), NotHereError, "no apt-get"),
    ],
)
def test_why_it_can_not_run_is_said(uid, found, error, says, monkeypatch):
    monkeypatch.setattr(emulation.platform, "system", lambda: "Linux")
    monkeypatch.setattr(emulation.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(emulation.os, "geteuid", lambda: uid)
    monkeypatch.setattr(emulation.shutil, "which", lambda tool: tool if tool in found else None)
    with pytest.raises(error, match=says):
        emulation.require_machine()
