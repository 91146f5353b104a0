"""The text of the unit: what systemd reads from it, and what systemd-analyze thinks of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edgetl.device.service.unit import Account, Unit
from edgetl.errors import UsageError

COMMAND = ("/bin/true", "-m", "edgetl", "run", "/home/pi/edgetl/current/bundle")
FOLDER = Path("/home/pi/edgetl")
SYSTEM = Account("daemon", ("video",))


def unit(account=SYSTEM, **changes):
    return Unit(**{"command": COMMAND, "folder": FOLDER, "systemd": 252, "account": account} | changes)


def values(text, key):
    return re.findall(rf"^{key}=(.*)$", text, re.M)


def test_it_is_restarted_for_ever_and_watched():
    text = unit(watchdog=90.0).text()
    assert values(text, "Type") == ["notify"]
    assert values(text, "WatchdogSec") == ["90"]
    assert values(text, "Restart") == ["always"]
    assert values(text, "StartLimitIntervalSec") == ["0"]
    assert values(text, "MemoryMax") == ["75%"]


@pytest.mark.parametrize(("version", "steps"), [(252, []), (253, []), (254, ["8"]), (257, ["8"])])
def test_pauses_grow_where_systemd_knows_how(version, steps):
    text = unit(systemd=version).text()
    assert values(text, "RestartSteps") == steps
    assert len(values(text, "RestartMaxDelaySec")) == len(steps)
    assert len(values(text, "RestartSec")) == 1


def test_a_system_unit_runs_as_its_user_with_the_groups_that_exist():
    text = unit(Account("pi", ("video", "gpio"))).text()
    assert values(text, "User") == ["pi"]
    assert values(text, "SupplementaryGroups") == ["video gpio"]
    assert values(text, "WantedBy") == ["multi-user.target"]
    assert values(unit(Account("pi")).text(), "SupplementaryGroups") == []


def test_a_user_unit_names_no_user_and_no_device():
    text = unit(None).text()
    assert not values(text, "User")
    assert not values(text, "DeviceAllow")
    assert values(text, "WantedBy") == ["default.target"]


def test_where_a_user_can_have_no_namespace_nothing_needs_one():
    text = unit(None, confines_mounts=False).text()
    assert not re.search("^(Protect|Private|ReadWritePaths)", text, re.M)
    assert values(text, "NoNewPrivileges") == ["yes"]


def test_cameras_may_be_opened_and_the_folder_written():
    text = unit(writable=(Path("/srv/films"),)).text()
    assert "char-video4linux rw" in values(text, "DeviceAllow")
    assert values(text, "ReadWritePaths") == ["-/home/pi/edgetl -/srv/films"]
    assert values(text, "ProtectHome") == ["read-only"]


def test_a_secret_is_a_copy_of_systemd_and_only_its_path_is_in_the_unit(tmp_path):
    (tmp_path / "token").write_text("hunter2")
    text = unit(credentials={"token-file": tmp_path / "token"}).text()
    assert values(text, "LoadCredential") == [f"token-file:{tmp_path}/token"]
    assert values(text, "ExecStart")[0].endswith(" --token-file %d/token-file")
    assert "hunter2" not in text


def test_a_word_of_the_command_is_quoted_as_systemd_reads_it():
    text = unit(command=("/opt/my py/python", "100%", "$HOME", 'a"b', "c\\d")).text()
    assert values(text, "ExecStart") == [r'"/opt/my py/python" "100%%" "$$HOME" "a\"b" "c\\d"']


@pytest.mark.parametrize("name", ["two\nlines", "bell\a"])
def test_a_path_that_a_unit_cannot_hold_is_refused(name):
    with pytest.raises(UsageError):
        unit(command=("/bin/true", name)).text()


def analyze(tmp_path, text, *words, user):
    """Runs systemd-analyze on a unit; returns what it says."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze: install the Debian package systemd")
    file = tmp_path / "edgetl.service"
    file.write_text(text)
    (tmp_path / "run").mkdir(exist_ok=True)
    command = ["systemd-analyze", *(["--user"] if user else []), *words, str(file)]
    environment = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path / "run"), "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, done.stderr


UNITS = [unit(), unit(credentials={"tls-key": Path("/etc/key of mine")}, writable=(Path("/srv/a b"),)), unit(None)]
UNITS += [unit(None, confines_mounts=False)]


@pytest.mark.slow
@pytest.mark.parametrize("written", UNITS, ids=["system", "secrets", "user", "no namespaces"])
def test_systemd_verifies_the_unit_without_a_word(tmp_path, written):
    out, err = analyze(tmp_path, written.text(), "verify", user=written.account is None)
    assert (out.strip(), err.strip()) == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("written", UNITS[:3], ids=["system", "secrets", "user"])
def test_the_exposure_is_low(tmp_path, written):
    """Of a user's unit as well, although systemd-analyze counts it as one of root's."""
    out, _ = analyze(tmp_path, written.text(), "security", "--offline=true", user=written.account is None)
    exposure = float(re.search(r"exposure level for edgetl.service: ([\d.]+)", out)[1])
    assert exposure <= 4.0, out
