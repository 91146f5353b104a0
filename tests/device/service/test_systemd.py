"""The calls of systemctl, and the errors that its answers become."""

from __future__ import annotations

import os

import pytest

from edgetl.device.service.status import ServiceStatus
from edgetl.device.service.systemd import NoSystemdError, Systemd
from edgetl.errors import EdgetlError


def test_each_call_names_the_manager_and_the_unit(systemctl):
    manager = Systemd(user=True)
    manager.reload_units()
    manager.enable()
    manager.start()
    manager.restart()
    manager.stop()
    manager.disable()
    assert systemctl.calls == [
        "--user daemon-reload",
        "--user enable edgetl.service",
        "--user start --no-block edgetl.service",
        "--user restart --no-block edgetl.service",
        "--user stop edgetl.service",
        "--user disable edgetl.service",
    ]
    Systemd(user=False).reload_units()
    assert systemctl.calls[-1] == "daemon-reload"


def test_the_version_and_properties_are_read(systemctl):
    manager = Systemd(user=True)
    assert manager.version() == 252
    assert manager.show("MainPID", "StatusText")["StatusText"] == "results 1234, age 45 ms"


def test_a_status_has_the_figures_of_systemd_and_of_the_run(systemctl):
    status = ServiceStatus.read(Systemd(user=True))
    assert (status.active, status.enabled, status.restarts, status.pid) == ("active", True, 0, 127)
    assert status.run.results == 1234
    assert status.memory_mb == 214


def test_properties_that_systemd_does_not_know_are_left_out(systemctl):
    systemctl.show("ActiveState=inactive\nMemoryCurrent=18446744073709551615\nMainPID=0\nStatusText=\n")
    status = ServiceStatus.read(Systemd(user=True))
    assert status.memory_mb is None
    assert status.run is None
    assert "inactive" in str(status)


def test_the_unit_that_is_installed_is_found(systemctl, monkeypatch, tmp_path):
    monkeypatch.setattr("edgetl.device.service.systemd._SYSTEM_UNITS", tmp_path)
    assert Systemd.installed() is None
    (tmp_path / "edgetl.service").touch()
    assert not Systemd.installed().user
    systemctl.unit.parent.mkdir(parents=True)
    systemctl.unit.touch()
    assert Systemd.installed().user


def test_without_systemd_the_error_says_what_else_to_do(monkeypatch, tmp_path):
    monkeypatch.delenv("EDGETL_SYSTEMCTL", raising=False)
    monkeypatch.setattr("edgetl.device.service.systemd._BOOTED", tmp_path / "nothing")
    with pytest.raises(NoSystemdError, match="not run by systemd") as caught:
        Systemd(user=False).require()
    assert "edgetl run" in caught.value.remedy


def test_a_missing_program_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGETL_SYSTEMCTL", str(tmp_path / "nothing"))
    with pytest.raises(NoSystemdError):
        Systemd(user=True).version()


@pytest.mark.parametrize(
    ("user", "message", "remedy"),
    [
        (True, "Failed to connect to bus: No such file or directory", "enable-linger"),
        (False, "Failed to enable unit: Interactive authentication required.", "sudo"),
        (False, "sudo: a password is required", "sudo"),
        (True, "Job for edgetl.service failed.", "journalctl"),
    ],
)
def test_a_call_that_fails_becomes_an_error_with_a_remedy(systemctl, user, message, remedy):
    systemctl.fail(message)
    with pytest.raises(EdgetlError, match=message[:20]) as caught:
        Systemd(user=user).enable()
    assert remedy in caught.value.remedy


def test_a_manager_is_found_after_a_login_without_its_folder(systemctl, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("pathlib.Path.is_dir", lambda path: str(path) == f"/run/user/{os.geteuid()}")
    assert Systemd(user=True)._environment()["XDG_RUNTIME_DIR"] == f"/run/user/{os.geteuid()}"
