"""Linux is supported, macOS in part; elsewhere edgetl says so before it does anything."""

from __future__ import annotations

import subprocess
import sys

import pytest
from homes import edgetl

from edgetl.files import sync_file


@pytest.mark.parametrize("platform", ["win32", "cygwin", "freebsd14"])
def test_other_systems_are_refused_before_anything_is_done(platform, empty_home, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    done = edgetl("targets")
    assert (done.code, done.out) == (1, "")
    assert "WSL" in done.err


def test_macos_is_accepted(empty_home, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert edgetl("targets").code == 0


def test_what_only_unix_has_is_imported_only_where_it_is_used():
    code = """
import sys
for name in ("resource", "fcntl", "termios", "pwd", "grp"):
    sys.modules[name] = None
import edgetl.cli.run, edgetl.device.measure.bench, edgetl.device.run.loop, edgetl.files, edgetl.locks
import edgetl.host.train.job, edgetl.host.convert.job, edgetl.host.demo.job
assert edgetl.device.measure.bench.peak_rss_mb() is None
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_file_that_may_only_be_read_is_written_to_the_disk(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"weights")
    path.chmod(0o400)
    sync_file(path)
