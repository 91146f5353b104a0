"""Files that the options of a run name: copied to the device for its user alone, never shown."""

from __future__ import annotations

import stat

import pytest

from edgetl.errors import UsageError
from edgetl.host.deploy.put_secrets import put_secrets
from edgetl.host.deploy.run_files import RunFiles
from edgetl.host.deploy.transport import Ssh


@pytest.fixture
def password(tmp_path):
    path = tmp_path / "broker password"
    path.write_text("hunter2\n")
    return path


def test_a_path_on_the_workstation_becomes_one_on_the_device(password):
    run = RunFiles.find({"mqtt": "mqtt://cam@broker", "mqtt-password-file": str(password), "rate": "5"})
    assert run.files == {"mqtt-password-file": password}
    options = run.placed({"mqtt-password-file": "mqtt-password-file-1"})
    assert options["mqtt-password-file"] == "~/edgetl/secrets/mqtt-password-file-1"
    assert (options["rate"], options["quiet"], options["wait"]) == ("5", True, True)
    assert "hunter2" not in str(options)


def test_a_path_on_the_device_stays(tmp_path):
    run = RunFiles.find({"token-file": "~/edgetl/secrets/mine", "serve": "0.0.0.0:80"})
    assert (run.files, run.token) == ({}, False)
    assert run.placed()["token-file"] == "~/edgetl/secrets/mine"


def test_a_missing_file_is_refused_before_anything_is_copied(tmp_path):
    with pytest.raises(UsageError, match="--tls-key: there is no such file"):
        RunFiles.find({"tls-key": str(tmp_path / "missing")})


@pytest.mark.parametrize(
    ("serve", "token"),
    [("8080", False), ("127.0.0.1:8080", False), ("[::1]:80", False), ("0.0.0.0:80", True), ("[::]:80", True)],
)
def test_a_page_that_others_can_open_has_a_token_that_is_made_on_the_device(serve, token, devices):
    home = devices.add("pi")
    run = RunFiles.find({"serve": serve})
    assert run.token is token
    with Ssh("pi") as ssh:
        put_secrets(ssh, run)
        made = home / "edgetl/secrets/token-file"
        assert made.exists() is token
        if token:
            text = made.read_text()
            put_secrets(ssh, run)
            assert made.read_text() == text
            assert len(text) == 32
            assert stat.S_IMODE(made.stat().st_mode) == 0o600
            assert run.placed()["token-file"] == "~/edgetl/secrets/token-file"


def test_a_secret_is_readable_by_the_user_alone_and_on_no_command_line(password, devices):
    home = devices.add("pi")
    run = RunFiles.find({"mqtt-password-file": str(password)})
    with Ssh("pi") as ssh:
        names = put_secrets(ssh, run)
        assert put_secrets(ssh, run) == names
        password.write_text("another\n")
        changed = put_secrets(ssh, run)
    folder = home / "edgetl" / "secrets"
    assert names != changed
    assert (folder / names["mqtt-password-file"]).read_text() == "hunter2\n"
    assert (folder / changed["mqtt-password-file"]).read_text() == "another\n"
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(list(folder.iterdir())) == 2
    assert not [call for call in devices.calls if "hunter2" in call or "another" in call]
