from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from edgetl.errors import EdgetlError
from edgetl.files import (
    friendly_os_errors,
    is_lfs_pointer,
    local_path,
    read_regular,
    sha256_of,
    write_atomic,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def interrupt(*_):
    raise KeyboardInterrupt


def test_write_makes_folders_and_takes_text_and_bytes(tmp_path):
    write_atomic(tmp_path / "a" / "b.txt", "ä\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "ä\n".encode()
    write_atomic(tmp_path / "a" / "b.txt", b"\0")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"\0"
    assert (tmp_path / "a" / "b.txt").stat().st_mode & 0o777 == 0o644
    assert names(tmp_path / "a") == ["b.txt"]


@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.chmod"])
@pytest.mark.parametrize(("failure", "error"), [(full, EdgetlError), (interrupt, KeyboardInterrupt)])
def test_failed_write_leaves_the_earlier_file_alone(tmp_path, monkeypatch, call, failure, error):
    path = tmp_path / "file"
    write_atomic(path, "earlier")
    monkeypatch.setattr(call, failure)
    with pytest.raises(error):
        write_atomic(path, "later")
    assert path.read_text() == "earlier"
    assert names(tmp_path) == ["file"]


def test_write_is_synced_before_it_appears(tmp_path, monkeypatch):
    steps, replace, fsync = [], Path.replace, os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: (steps.append("fsync"), fsync(number))[1])
    monkeypatch.setattr(Path, "replace", lambda self, to: (steps.append("replace"), replace(self, to))[1])
    write_atomic(tmp_path / "file", "x")
    assert steps == ["fsync", "replace"]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "you may write to"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "check the path and the disk"),
    ],
)
def test_every_error_has_its_remedy(tmp_path, number, remedy):
    with pytest.raises(EdgetlError) as caught, friendly_os_errors(tmp_path):
        raise OSError(number, os.strerror(number))
    assert remedy in caught.value.remedy
    assert caught.value.where == str(tmp_path)
    assert caught.value.exit_code == 1


def test_the_sha256_of_a_file_is_that_of_its_content(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_regular_file_is_read_up_to_the_limit(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "file", 5) == read_regular(tmp_path / "link", 5) == b"12345"
    with pytest.raises(OSError, match="has 5 bytes"):
        read_regular(tmp_path / "file", 4)


def test_a_path_that_is_no_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "broken").symlink_to("nowhere")
    with socket.socket(socket.AF_UNIX) as server, pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)  # a socket's path is short
        server.bind("socket")
    for name in ("fifo", "zero", "socket", "broken", "."):
        with pytest.raises(OSError, match=r"not a regular file|No such file"):
            read_regular(tmp_path / name, 1000)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="are allowed"):
        read_regular(tmp_path / "sparse", 1000)


def test_a_git_lfs_pointer_is_known_by_its_beginning():
    assert is_lfs_pointer(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    assert not is_lfs_pointer(b"version 2\n")
    assert not is_lfs_pointer(b"")


def test_name_that_begins_like_a_user_is_a_file_where_there_is_no_such_user(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    assert local_path("~/film.mp4") == Path("/somewhere/film.mp4")
    assert local_path("~no such user.mp4") == Path("~no such user.mp4")
