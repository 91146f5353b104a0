from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from edgetl.files import temporary_file, temporary_folder, write_atomic
from edgetl.folders import new_folder
from edgetl.locks import BusyError, folder_lock, named_lock

HOLD = """
import sys, time
from pathlib import Path
from edgetl.files import temporary_file, temporary_folder
from edgetl.locks import named_lock
path = Path(sys.argv[2])
block = {"lock": lambda: named_lock(path, "'m' is being trained", "wait"), "folder": lambda: temporary_folder(path),
         "file": lambda: temporary_file(path, ".mp4")}[sys.argv[1]]
with block():
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(kind, path):
    """A process that holds a lock, a temporary folder or a temporary file until it is killed."""
    command = [sys.executable, "-c", HOLD, kind, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def take(path):
    return named_lock(path, "'m' is being trained", "wait")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_second_holder_is_refused_and_the_first_one_is_named(tmp_path):
    path = tmp_path / "lock"
    with holder("lock", path) as process:
        with pytest.raises(BusyError) as caught, take(path):
            pytest.fail("two hold the lock")
        assert str(process.pid) in caught.value.what
        assert (caught.value.exit_code, caught.value.where) == (2, str(path))
        process.kill()
        process.wait()
        assert path.exists()
        with take(path):
            pass
    assert names(tmp_path) == []


def test_lock_is_free_after_an_error(tmp_path):
    with pytest.raises(KeyboardInterrupt), take(tmp_path / "lock"):
        raise KeyboardInterrupt
    with take(tmp_path / "lock"):
        assert names(tmp_path) == ["lock"]
    assert names(tmp_path) == []


def test_a_folder_lock_has_one_holder_at_a_time(tmp_path):
    inside, most, guard = [], [], threading.Lock()

    def work():
        for _ in range(20):
            with folder_lock(tmp_path):
                with guard:
                    inside.append(1)
                    most.append(len(inside))
                with guard:
                    inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(most), max(most)) == (80, 1)
    assert names(tmp_path) == []


def test_folder_that_isnt_there_isnt_locked(tmp_path):
    with folder_lock(tmp_path / "nowhere"):
        assert names(tmp_path) == []


@pytest.mark.parametrize("kind", ["folder", "file", "lock"])
def test_leftovers_of_a_killed_process_are_removed_and_files_of_a_living_one_stay(tmp_path, kind):
    path = tmp_path / (".x.edgetl-lock" if kind == "lock" else "x")
    with holder(kind, path) as process:
        with new_folder(tmp_path / "made"):
            pass
        hidden, *rest = names(tmp_path)
        assert hidden.startswith(".x.edgetl-")
        assert rest == ["made"]
        process.kill()
        process.wait()
        with new_folder(tmp_path / "made"):
            pass
    assert names(tmp_path) == ["made"]


def test_hidden_files_of_others_stay(tmp_path):
    others = [".x.lock", ".x.training", ".x.tmp", ".x.edgetl-", ".edgetl-lock", "x.edgetl-abcd1234"]
    for name in others:
        (tmp_path / name).write_text("")
    (tmp_path / ".x.edgetl-abcd1234").write_text("a killed process's")
    write_atomic(tmp_path / "y", "")
    assert names(tmp_path) == sorted([*others, "y"])


def test_temporary_file_that_was_renamed_stays(tmp_path):
    with temporary_file(tmp_path / "film", ".mp4") as file:
        assert file.name.endswith(".mp4")
        file.rename(tmp_path / "film")
    with temporary_folder(tmp_path / "folder") as folder:
        (folder / "inside").write_text("")
    assert names(tmp_path) == ["film"]
