"""Commands and files reach a device through the ssh command; what fails there is an error with a remedy."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import time
from pathlib import Path

import pytest

from edgetl.errors import EdgetlError, UsageError
from edgetl.host.deploy.destination import parse_destination
from edgetl.host.deploy.ssh_errors import NoConnectionError, RemoteError, connection_error
from edgetl.host.deploy.tar_stream import unpack
from edgetl.host.deploy.transport import Ssh


@pytest.fixture
def pi(devices):
    return devices.add("pi")


@pytest.fixture(params=["rsync", "tar"])
def way(request, monkeypatch):
    """The program that copies."""
    if request.param == "rsync" and not shutil.which("rsync"):
        pytest.skip("rsync is not installed")
    monkeypatch.setattr(Ssh, "has_rsync", request.param == "rsync")
    return request.param


def test_a_command_runs_in_the_home_and_its_words_are_not_interpreted(pi):
    with Ssh("me@pi") as ssh:
        assert ssh.run(["pwd"]).strip() == str(pi)
        assert ssh.run(["printf", "%s|", "a b", "$HOME", "it's", "*"]) == "a b|$HOME|it's|*|"
        assert ssh.run(["cat"], input="grüße") == "grüße"
        assert list(ssh.lines(["printf", "a\\nb\\n"])) == ["a", "b"]


def test_nothing_is_asked_for_and_one_connection_serves_all_commands(pi, devices):
    with Ssh("pi") as ssh:
        ssh.run(["true"])
        ssh.run(["true"])
    opening, *rest = devices.calls
    assert all("BatchMode=yes" in call and "-- pi" in call for call in devices.calls)
    assert "ControlMaster=yes" in opening
    sockets = {word for call in devices.calls for word in call.split() if "ControlPath" in word}
    assert len(rest) == 2
    assert len(sockets) == 1
    assert not Path(sockets.pop().partition("=")[2]).parent.exists()


def test_lines_come_as_they_are_written(pi):
    with Ssh("pi") as ssh:
        lines = ssh.lines(["sh", "-c", "echo first; sleep 30; echo second"])
        began = time.monotonic()
        assert next(lines) == "first"
        lines.close()
        assert time.monotonic() - began < 20


def test_a_failed_command_is_named_without_its_arguments(pi):
    with Ssh("pi") as ssh, pytest.raises(RemoteError) as caught:
        ssh.run(["sh", "-c", "echo so far; echo 'it broke' >&2; exit 7", "--password=hunter2"])
    assert (caught.value.status, caught.value.output) == (7, "so far\n")
    assert "it broke" in caught.value.what
    assert "hunter2" not in str(caught.value)
    with Ssh("pi") as ssh, pytest.raises(RemoteError) as caught:
        list(ssh.lines(["sh", "-c", "exit 3"]))
    assert caught.value.status == 3


def test_an_unknown_device_is_an_error_with_a_remedy(devices):
    with pytest.raises(NoConnectionError) as caught, Ssh("me@nowhere"):
        pass
    assert "`ssh me@nowhere` must work" in caught.value.remedy


def test_a_machine_without_ssh_is_told_what_to_install(monkeypatch):
    monkeypatch.setenv("EDGETL_SSH", "/nowhere/ssh")
    with pytest.raises(EdgetlError, match="no ssh command") as caught, Ssh("pi"):
        pass
    assert "openssh-client" in caught.value.remedy


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("me@pi: Permission denied (publickey,password).", "ssh-copy-id me@pi"),
        ("Host key verification failed.", "`ssh me@pi` once"),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "ssh-keygen -R pi"),
        ("ssh: connect to host pi port 22: Connection refused", "raspi-config"),
        ("ssh: connect to host pi port 22: Connection timed out", "switched on"),
        ("kex_exchange_identification: read: Connection reset by peer", "try again"),
    ],
)
def test_the_remedy_fits_what_ssh_says(message, remedy):
    error = connection_error("me@pi", message)
    assert remedy in error.remedy
    assert message.splitlines()[-1] in error.what


@pytest.mark.parametrize("host", ["-oProxyCommand=touch x", "", "a b", "me@-x", "pi;reboot", "pi\n", "a@b@c", "pi/x"])
def test_what_is_no_name_of_a_device_is_refused(host):
    with pytest.raises(UsageError):
        Ssh(host)


def test_an_address_may_have_a_port():
    assert parse_destination("ssh://me@pi:2222") == ("me@pi", ["-p", "2222"])
    assert parse_destination("ssh://me@[fe80::1%eth0]:22") == ("me@fe80::1%eth0", ["-p", "22"])
    assert parse_destination("me@fe80::1") == ("me@fe80::1", [])


def test_files_and_folders_are_sent_and_fetched(pi, tmp_path, way):
    source = tmp_path / "what is sent"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "one file").write_bytes(b"1" * 1000)
    (tmp_path / "two").write_bytes(b"2" * 3000)
    with Ssh("pi") as ssh:
        assert ssh.send([source, tmp_path / "two"], "edgetl/incoming") > 4000
        assert (pi / "edgetl/incoming/what is sent/deep/one file").read_bytes() == b"1" * 1000
        assert ssh.fetch("edgetl/incoming", tmp_path / "back") >= 4000
        assert (tmp_path / "back/what is sent/deep/one file").read_bytes() == b"1" * 1000
        assert ssh.fetch("edgetl/incoming", tmp_path / "some", ["two"]) >= 3000
    assert [path.name for path in (tmp_path / "some").iterdir()] == ["two"]


@pytest.mark.skipif(not shutil.which("rsync"), reason="rsync is not installed")
def test_rsync_sends_only_what_differs(pi, tmp_path):
    (tmp_path / "model").write_bytes(os.urandom(200_000))
    with Ssh("pi") as ssh:
        assert ssh.send([tmp_path / "model"], "edgetl") > 200_000
        assert ssh.send([tmp_path / "model"], "edgetl") < 1000


def test_a_missing_file_or_folder_is_an_error(pi, tmp_path, way):
    with Ssh("pi") as ssh:
        with pytest.raises(RemoteError):
            ssh.fetch("edgetl/nothing", tmp_path / "back")
        (pi / "edgetl").mkdir()
        with pytest.raises(RemoteError):
            ssh.fetch("edgetl", tmp_path / "back", ["missing"])
        (pi / "file").touch()
        with pytest.raises(RemoteError):
            ssh.send([tmp_path], "file")


def test_the_device_cant_write_outside_the_folder(tmp_path):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(link)
        for name in ("fine", "../outside"):
            member = tarfile.TarInfo(name)
            member.size = 3
            archive.addfile(member, io.BytesIO(b"abc"))
    stream.seek(0)
    count, problem = unpack(stream, tmp_path)
    assert (count, "../outside" in problem) == (3, True)
    assert [path.name for path in tmp_path.iterdir()] == ["fine"]


def test_a_stream_that_is_cut_short_leaves_no_half_file(tmp_path):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("large")
        member.size = 100_000
        archive.addfile(member, io.BytesIO(b"x" * 100_000))
    count, problem = unpack(io.BytesIO(stream.getvalue()[:50_000]), tmp_path)
    assert (count, bool(problem)) == (0, True)
    assert not (tmp_path / "large").exists()
