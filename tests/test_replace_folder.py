from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest

from edgetl.errors import EdgetlError
from edgetl.files import (
    temporary_folder,
)
from edgetl.folders import new_folder, replace_folder, restore_folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def two_folders(tmp_path):
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(name)
    return tmp_path / "new", tmp_path / "old"


def test_new_folder_takes_the_place_of_the_earlier_one(tmp_path):
    for content in ("earlier", "later"):
        with new_folder(tmp_path / "made") as work:
            (work / content).write_text(content)
            assert (tmp_path / "made").exists() == (content == "later")
    assert names(tmp_path) == ["made"]
    assert names(tmp_path / "made") == ["later"]
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("failure", [KeyError, KeyboardInterrupt, SystemExit])
def test_failed_new_folder_leaves_the_earlier_one(tmp_path, failure):
    with new_folder(tmp_path / "made") as work:
        (work / "earlier").write_text("")

    def fail():
        with new_folder(tmp_path / "made") as work:
            (work / "later").write_text("")
            raise failure

    with pytest.raises(failure):
        fail()
    assert names(tmp_path) == ["made"]
    assert names(tmp_path / "made") == ["earlier"]


def test_a_full_disk_in_a_new_folder_gives_an_error_with_a_remedy(tmp_path):
    with pytest.raises(EdgetlError) as caught, new_folder(tmp_path / "made"):
        full()
    assert str(caught.value).splitlines() == [
        "can't write: No space left on device",
        f"  where: {tmp_path / 'made'}",
        "  remedy: free some space there, or choose another place",
    ]
    assert names(tmp_path) == []


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_the_earlier_folder_is_restored_if_the_new_one_cant_be_moved(tmp_path, monkeypatch, error):
    new, old = two_folders(tmp_path)
    rename = Path.rename

    def fail_for_the_new(self, to):
        if self == new:
            raise error
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", fail_for_the_new)
    with pytest.raises(error):
        replace_folder(new, old)
    assert names(old) == ["old"]


def test_the_earlier_folder_is_restored_after_a_kill_between_the_two_renames(tmp_path, monkeypatch):
    new, old = two_folders(tmp_path)
    old.rename(tmp_path / ".old.old")
    monkeypatch.setattr(os, "fsync", lambda number: None)
    replaced = []
    rename = Path.rename
    monkeypatch.setattr(Path, "rename", lambda self, to: (replaced.append((self.name, to.name)), rename(self, to))[1])
    replace_folder(new, old)
    assert replaced[0] == (".old.old", "old")
    assert names(tmp_path) == ["old"]
    assert names(old) == ["new"]


def test_folder_is_moved_to_another_disk(tmp_path):
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other disk here")
    with tempfile.TemporaryDirectory(dir=other) as there:
        (tmp_path / "linked").symlink_to(there)
        for content in ("earlier", "later"):
            with temporary_folder(tmp_path / "made") as work:
                (work / content).write_text(content)
                replace_folder(work, tmp_path / "linked" / "made")
        assert names(Path(there)) == ["made"]
        assert names(Path(there) / "made") == ["later"]


def test_reader_finds_the_earlier_folder_after_a_kill_between_the_two_renames(tmp_path):
    _, old = two_folders(tmp_path)
    old.rename(tmp_path / ".old.old")
    restore_folder(old)
    assert names(old) == ["old"]
    restore_folder(old)
    assert names(tmp_path) == ["new", "old"]


def test_reader_removes_what_a_kill_after_the_two_renames_left(tmp_path):
    new, old = two_folders(tmp_path)
    old.rename(tmp_path / ".new.old")
    restore_folder(new)
    assert names(tmp_path) == ["new"]


def test_a_reader_of_the_current_folder_restores_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    restore_folder(Path())
    assert names(tmp_path) == []
