"""A disk that is full: exit 1, a message with path and remedy, earlier versions intact, nothing left half-written."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from homes import TINY, edgetl

MB = 1 << 20


@pytest.fixture
def disk(tmp_path):
    """A file system of its own, 16 MB; full it with `fill`."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk isn't permitted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk, leave=0):
    """Fills a disk but for so many bytes."""
    free = shutil.disk_usage(disk).free - leave
    with (disk / "filler").open("ab") as file:
        os.posix_fallocate(file.fileno(), file.tell(), free)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def told(done, path):
    assert done.code == 1, done.err
    assert "edgetl: can't write: No space left on device" in done.err
    assert f"where: {path}" in done.err
    assert "remedy: free some space there, or choose another place" in done.err
    assert "Traceback" not in done.err


@pytest.fixture
def store(home, disk, monkeypatch):
    """The store, moved to the small disk."""
    shutil.copytree(home.models, disk / "models")
    monkeypatch.setenv("EDGETL_MODELS", str(disk / "models"))
    return disk / "models"


@pytest.mark.slow
def test_train_that_cant_write_its_checkpoint(store, disk):
    before = contents(store)
    fill(disk, leave=MB // 4)
    done = edgetl("train", "photos", "--name", "tiny", *TINY)
    told(done, store / ".tiny.training" / "checkpoint.npz")
    after = contents(store)
    assert set(after) - set(before) == {".tiny.training/train.toml"}
    assert {name: after[name] for name in before} == before


@pytest.mark.slow
def test_train_that_cant_save_its_model_and_is_resumed(store, disk, monkeypatch):
    from edgetl.host.train import training

    before, in_float32 = contents(store), training.in_float32

    def fill_first(*args):
        fill(disk, leave=MB // 2)
        return in_float32(*args)

    monkeypatch.setattr(training, "in_float32", fill_first)
    done = edgetl("train", "photos", "--name", "tiny", *TINY)
    told(done, store / ".tiny.training")
    after = contents(store)
    assert {name: after[name] for name in before} == before
    new = {name.removeprefix(".tiny.training/") for name in set(after) - set(before)}
    assert new == {"train.toml", "history.csv", "checkpoint.npz"}
    monkeypatch.setattr(training, "in_float32", in_float32)
    (disk / "filler").unlink()
    done = edgetl("train", "photos", "--name", "tiny", "--resume")
    assert done.code == 0, done.err
    assert sorted(path.name for path in store.iterdir()) == ["tiny"]
    assert (store / "tiny" / "history.csv").read_text().count("\n") == 3


@pytest.mark.parametrize("leave", [0, MB // 4])
def test_train_that_cant_write_its_cache(home, disk, monkeypatch, leave):
    monkeypatch.setenv("EDGETL_CACHE", str(disk))
    before = contents(home.models)
    fill(disk, leave)
    done = edgetl("train", "photos", "--name", "tiny", *TINY)
    told(done, disk)
    assert contents(home.models) == before
    assert [path.name for path in disk.rglob("*") if path.is_file()] == ["filler"]


@pytest.mark.slow
def test_ranking_that_cant_remember_its_features(home, disk, monkeypatch):
    monkeypatch.setenv("EDGETL_CACHE", str(disk))
    rank = ("models", "rank", "photos", "--size", "96", "--json")
    first = edgetl(*rank)
    assert first.code == 0, first.err
    for folder in disk.glob("features-*"):
        shutil.rmtree(folder)
    before = contents(disk)
    fill(disk)
    again = edgetl(*rank)
    assert (again.code, again.out) == (0, first.out)
    assert again.err.count("computed again the next time") == 1
    assert {name: content for name, content in contents(disk).items() if name != "filler"} == before


def test_data_check_that_cant_write_its_index_still_says_what_it_read(home, disk, monkeypatch):
    monkeypatch.setenv("EDGETL_CACHE", str(disk))
    fill(disk)
    done = edgetl("data", "check", "photos")
    assert (done.code, "usable: yes" in done.err) == (0, True)
    assert [path.name for path in disk.iterdir()] == ["filler"]


@pytest.mark.slow
def test_convert(store, home, disk):
    before = contents(store)
    fill(disk, leave=MB // 2)
    done = edgetl("convert", "tiny", "--target", home.target, "--recipe", "float32")
    told(done, store / ".tiny@1.loose.")  # the bundle is made beside the model
    assert contents(store) == before
    assert not list(store.glob("**/.*"))


def test_film(home, disk):
    film = disk / "film.mp4"
    assert edgetl("run", home.bundle, "--source", "photos/disc", "--save", film, "--quiet").code == 0
    before = film.read_bytes()
    fill(disk, leave=MB)
    done = edgetl("run", home.bundle, "--source", "photos/disc", "--save", film, "--quiet")
    assert done.code == 1
    assert f"where: {film}" in done.err
    assert "free some space" in done.err
    assert film.read_bytes() == before
    assert sorted(path.name for path in disk.iterdir()) == ["filler", "film.mp4"]


def test_json_lines(home, disk):
    fill(disk)
    done = edgetl("run", home.bundle, "--source", "photos/disc", "--jsonl", disk / "out.jsonl", "--quiet")
    told(done, disk / "out.jsonl")
