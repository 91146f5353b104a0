"""`edgetl service`: what is shown is what is written, and nothing else is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from homes import edgetl, refused

import edgetl as library
from edgetl.device.service.accounts import Owner
from edgetl.errors import EdgetlError, UsageError


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The current folder, with something that has the look of a bundle."""
    folder = tmp_path / "place"
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "bundle.json").write_text("{}")
    monkeypatch.chdir(folder)
    return folder


def install(*words):
    return edgetl("service", "install", "parts", "--user", *words)


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_user_service_is_written_enabled_and_started(systemctl, place):
    done = install("--yes", "--", "--source", "film.mp4", "--rate", "5")
    assert done.code == 0, done.err
    assert files_below(systemctl.folder / "home") == {".config/systemd/user/edgetl.service", "edgetl/service/run.toml"}
    unit = systemctl.unit.read_text()
    assert f"--config {systemctl.folder}/home/edgetl/service/run.toml" in unit
    assert f"{place}/parts" in unit
    assert systemctl.calls == [
        "--user daemon-reload",
        "--user enable edgetl.service",
        "--user restart --no-block edgetl.service",
    ]
    assert "results 1234, age 45 ms" in done.err


def test_the_unit_and_the_options_are_shown_before_they_are_written(systemctl, place):
    done = install("--dry-run", "--", "--source", "0")
    assert done.code == 0
    assert "Type=notify" in done.out
    assert 'source = "0"' in done.out
    assert not systemctl.unit.exists()
    assert systemctl.calls == []


def test_without_a_terminal_nothing_is_written_unless_it_is_asked_for(systemctl, place):
    done = install()
    assert done.code == 2
    assert "Type=notify" in done.err
    assert "--yes" in done.err
    assert not systemctl.unit.exists()


@pytest.mark.parametrize("answer", [True, False])
def test_the_answer_decides(systemctl, place, answer):
    seen = []
    options = library.ServiceOptions(bundle="parts", user=True)
    status = library.install_service(options, confirm=lambda plan: seen.append(plan) or answer)
    assert (status is not None) == systemctl.unit.exists() == answer
    if answer:
        assert systemctl.unit.read_text() == seen[0].unit_text


def test_options_and_secrets_are_written_as_absolute_paths(systemctl, place):
    (place / "films").mkdir()
    token = place / "token"
    token.write_text("hunter2")
    token.chmod(0o600)
    done = install("--yes", "--", "--token-file", "token", "--serve", "8080", "--save", "films/")
    assert done.code == 0, done.err
    config = (systemctl.folder / "home/edgetl/service/run.toml").read_text()
    assert f'token-file = "{token}"' in config
    assert f'save = "{place}/films/"' in config
    assert f"-{place}/films" in systemctl.unit.read_text()
    assert "hunter2" not in config + systemctl.unit.read_text() + done.err


def test_a_secret_that_others_can_read_is_refused(systemctl, place):
    (place / "password").write_text("hunter2")
    (place / "password").chmod(0o644)
    done = install("--yes", "--", "--mqtt", "mqtt://cam@broker", "--mqtt-password-file", "password")
    refused(done, 2, "can read", "chmod 600")
    assert not systemctl.unit.exists()


def test_a_password_in_an_address_is_refused_and_not_shown(systemctl, place):
    done = install("--yes", "--", "--source", "rtsp://cam:hunter2@10.0.0.7/stream")
    refused(done, 2, "holds a password", "--camera-password-file")
    assert "hunter2" not in done.err
    assert not systemctl.unit.exists()


def test_a_password_in_the_environment_is_not_passed_on_and_the_user_is_told(systemctl, place, monkeypatch):
    monkeypatch.setenv("EDGETL_MQTT_PASSWORD", "hunter2")
    done = install("--yes")
    assert "secrets/environment" in done.err
    assert "hunter2" not in done.err + systemctl.unit.read_text()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--watchdog", "0.5s"], "watchdog"),
        (["--memory-max", "lots"], "memory_max"),
        (["--account", "pi"], "as that user"),
        (["--", "--sorce", "0"], "--source"),
        (["--", "--rate", "fast"], "rate"),
    ],
)
def test_wrong_options_are_refused(systemctl, place, words, part):
    done = install("--yes", *words)
    assert done.code == 2
    assert part in done.err
    assert not systemctl.unit.exists()


def test_without_a_bundle_the_deployed_release_runs(systemctl, place):
    refused(edgetl("service", "install", "--user", "--yes"), 2, "no release is deployed")
    release = systemctl.folder / "home/edgetl/releases/0123456789abcdef"
    release.mkdir(parents=True)
    (release / "run.toml").write_text('source = "0"\n')
    (release.parent.parent / "current").symlink_to("releases/0123456789abcdef")
    assert edgetl("service", "install", "--user", "--yes").code == 0
    current = f"{systemctl.folder}/home/edgetl/current"
    command = f"ExecStart={current}/env/bin/python -m edgetl run {current}/bundle --config {current}/run.toml"
    assert command in systemctl.unit.read_text().splitlines()


def test_the_deployed_release_takes_no_options(systemctl, place):
    refused(edgetl("service", "install", "--user", "--yes", "--", "--source", "0"), 2, "options of its own")


def test_a_service_of_the_system_needs_root(systemctl, place):
    done = edgetl("service", "install", "parts", "--yes")
    refused(done, 1, "root", "sudo", "--user")


def test_root_gets_no_service_of_its_own(systemctl, place, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    refused(install("--yes"), 2, "root")


@pytest.mark.parametrize(
    ("name", "part"), [("root", "as root"), ("nobody-here", "no such user"), (None, "isn't known which")]
)
def test_a_service_of_the_system_runs_as_an_ordinary_user(systemctl, place, monkeypatch, name, part):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(UsageError, match=part):
        library.plan_service(library.ServiceOptions(bundle="parts", account=name))


def test_secrets_of_a_system_service_are_credentials(systemctl, place, tmp_path, monkeypatch):
    """Only systemd has to be able to read their files."""
    home = tmp_path / "pi"
    monkeypatch.setattr("edgetl.device.service.plan._owner", lambda _: Owner("pi", os.geteuid(), os.getegid(), home))
    (place / "password").touch(0o600)
    run_options = {"mqtt": "mqtt://cam@broker", "mqtt-password-file": "password", "source": "0"}
    plan = library.plan_service(library.ServiceOptions(bundle="parts", account="pi", run_options=run_options))
    assert f"LoadCredential=mqtt-password-file:{place}/password" in plan.unit_text.splitlines()
    assert "--mqtt-password-file %d/mqtt-password-file" in plan.unit_text
    assert "password" not in plan.config_text
    assert plan.config == home / "edgetl/service/run.toml"


def test_a_bundle_that_the_user_cannot_read_is_refused(systemctl, place, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, *_, **__: "parts" not in str(path))
    with pytest.raises(EdgetlError, match="can't read the bundle"):
        library.plan_service(library.ServiceOptions(bundle="parts", user=True))


def test_the_status_is_printed_and_its_code_says_whether_it_runs(systemctl, place):
    refused(edgetl("service", "status"), 2, "no service is installed")
    assert install("--yes").code == 0
    done = edgetl("service", "status")
    assert done.code == 0
    assert "active (running)" in done.out
    found = json.loads(edgetl("service", "status", "--json").out)
    assert found["run"] == {"results": 1234, "age_ms": 45.0}
    systemctl.show("ActiveState=failed\nSubState=failed\nResult=watchdog\nExecMainStatus=6\n")
    done = edgetl("service", "status")
    assert done.code == 1
    assert "watchdog" in done.out


def test_the_logs_are_those_of_the_journal(systemctl, place, monkeypatch):
    assert install("--yes").code == 0
    program = systemctl.folder / "journalctl"
    program.write_text('#!/bin/sh\necho "$*"\necho "1: \x1b[31mred"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{systemctl.folder}:{os.environ['PATH']}")
    done = edgetl("service", "logs", "--lines", "7")
    assert done.code == 0
    assert "--user-unit=edgetl.service --lines=7" in done.out
    assert "\x1b" not in done.out
    program.write_text("#!/bin/sh\necho 'No journal files were opened' >&2; exit 1\n")
    refused(edgetl("service", "logs"), 1, "No journal files")


def test_uninstall_removes_the_unit_alone(systemctl, place):
    assert install("--yes").code == 0
    done = edgetl("service", "uninstall", "--yes")
    assert done.code == 0, done.err
    assert files_below(systemctl.folder / "home") == {"edgetl/service/run.toml"}
    assert systemctl.calls[3:] == [
        "--user stop edgetl.service",
        "--user disable edgetl.service",
        "--user daemon-reload",
        "--user reset-failed edgetl.service",
    ]
    refused(edgetl("service", "uninstall", "--yes"), 2, "no service is installed")


def test_the_rights_of_the_folders_keep_secrets_from_others(systemctl, place):
    assert install("--yes").code == 0
    assert (systemctl.folder / "home/edgetl/secrets").stat().st_mode & 0o777 == 0o700


def test_a_machine_without_systemd_gets_a_clear_error(systemctl, place, monkeypatch, tmp_path):
    monkeypatch.delenv("EDGETL_SYSTEMCTL")
    monkeypatch.setattr("edgetl.device.service.systemd._BOOTED", tmp_path / "nothing")
    refused(install("--yes"), 1, "not run by systemd")
