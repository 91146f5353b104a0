from __future__ import annotations

import errno
import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from homes import draw_folders, draw_shape

from edgetl.card import InputSpec
from edgetl.errors import EdgetlError
from edgetl.host.dataset import cache, photos
from edgetl.host.dataset.cache import load_pixels
from edgetl.host.dataset.duplicates import near_groups
from edgetl.host.dataset.load import load_dataset, load_labelled
from edgetl.host.dataset.photos import read_records
from edgetl.vision.photo import PhotoError

SPEC = InputSpec(32, 40)


@pytest.fixture
def root(empty_home):
    return draw_folders(empty_home.photos, 4)


@pytest.fixture
def decoded(monkeypatch):
    """The photos that were decoded, in any order."""
    names, real = [], photos.decode_sized

    def count(data, spec, where):
        names.append(str(Path(where).relative_to(Path.cwd()) if Path(where).is_absolute() else where))
        return real(data, spec, where)

    monkeypatch.setattr(photos, "decode_sized", count)
    return names


def paths(root):
    return sorted(root.rglob("*.jpg"))


def load(root, spec=SPEC):
    return load_pixels(root, paths(root), spec)


def npy_files(home):
    return [path for path in home.cache.rglob("*") if path.suffix == ".npy"]


def test_second_load_decodes_nothing(root, decoded):
    records, pixels = load(root)
    assert len(decoded) == 12
    decoded.clear()
    again, same = load(root)
    assert decoded == []
    assert again == records
    assert np.array_equal(same, pixels)


def test_pixels_are_memory_mapped_read_only(root):
    for _ in range(2):
        _, pixels = load(root)
        assert isinstance(pixels, np.memmap)
        assert (pixels.shape, pixels.dtype) == ((12, 32, 40, 3), np.uint8)
        with pytest.raises(ValueError, match="read-only"):
            pixels[0] = 0
    assert isinstance(load_dataset(root, SPEC).train.pixels, np.memmap)


def test_check_decodes_each_photo_once(root, decoded):
    read_records(root, paths(root))
    assert len(decoded) == 12
    read_records(root, paths(root))
    assert len(decoded) == 12


def test_changed_photo_of_the_same_size_and_time_is_noticed(root, decoded):
    path = root / "disc" / "01.jpg"
    _, before = load(root)
    before = np.array(before)
    data, status = bytearray(path.read_bytes()), path.stat()
    other = cv2.imencode(".jpg", 255 - cv2.imread(str(path)), [cv2.IMWRITE_JPEG_QUALITY, 50])[1].tobytes()
    assert len(other) < len(data)
    path.write_bytes(other.ljust(len(data), b"\0"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    decoded.clear()
    records, after = load(root)
    assert "photos/disc/01.jpg" in decoded
    changed = [i for i in range(12) if not np.array_equal(before[i], after[i])]
    assert changed == [paths(root).index(path)]
    assert read_records(root, paths(root)) == records


def test_check_reads_only_what_changed(root, decoded):
    read_records(root, paths(root))
    decoded.clear()
    cv2.imwrite(str(root / "disc" / "01.jpg"), draw_shape("disc", np.random.default_rng(9)))
    cv2.imwrite(str(root / "disc" / "new.jpg"), draw_shape("disc", np.random.default_rng(8)))
    read_records(root, paths(root))
    assert sorted(decoded) == ["photos/disc/01.jpg", "photos/disc/new.jpg"]


def test_deleted_and_renamed_photos(root):
    _, before = load(root)
    before = np.array(before)
    (root / "cross" / "00.jpg").unlink()
    records, after = load(root)
    assert len(records) == 11
    assert np.array_equal(after, before[1:])
    (root / "cross" / "01.jpg").rename(root / "square" / "zz.jpg")
    _, moved = load(root)
    assert np.array_equal(moved, np.concatenate([before[2:], before[1:2]]))


def test_swapped_photos(root):
    _, before = load(root)
    before = np.array(before)
    a, b = root / "cross" / "00.jpg", root / "cross" / "01.jpg"
    a.rename(root / "x")
    b.rename(a)
    (root / "x").rename(b)
    _, after = load(root)
    assert np.array_equal(after, before[[1, 0, *range(2, 12)]])


def test_one_file_of_pixels_a_size(root, empty_home):
    for _ in range(2):
        load(root)
        load(root, InputSpec(16, 16))
        cv2.imwrite(str(root / "disc" / "01.jpg"), draw_shape("disc", np.random.default_rng(time.time_ns())))
    assert len(npy_files(empty_home)) == 2


def test_measuring_on_a_part_keeps_the_training_cache(empty_home, decoded):
    for seed, part in enumerate(("train", "val", "test")):
        draw_folders(empty_home.photos / part, 3, seed=seed)
    data = load_dataset(empty_home.photos, SPEC)
    load_labelled(empty_home.photos, data.labels)
    decoded.clear()
    load_dataset(empty_home.photos, SPEC)
    load_labelled(empty_home.photos, data.labels)
    assert decoded == []


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY\x01\x00v",
        None,
        npy(np.zeros((12, 32, 40, 4), np.uint8)),
        npy(np.zeros((12, 32, 40, 3), np.float32)),
        npy(np.zeros((11, 32, 40, 3), np.uint8)),
        npy(np.array({"a": 1}, object)),
        b"PK\x03\x04" + bytes(100),
        b"\x93NUMPY\x01\x00\x00\x28" + b"(" * 10240,
    ],
)
def test_damaged_cache_is_made_again(root, empty_home, content):
    _, before = load(root)
    before = np.array(before)
    (file,) = npy_files(empty_home)
    file.write_bytes(file.read_bytes()[:-100] if content is None else content)
    _, after = load(root)
    assert np.array_equal(after, before)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        "1" * 5000,
        "\ufeff{}",
        '{"a": 1}',
        '{"a": {"stamp": 1}}',
        '{"a": {"stamp": "", "more": 1}}',
    ],
)
def test_damaged_index_is_made_again(root, empty_home, content):
    before, _ = load(root)
    (index,) = empty_home.cache.glob("index-*.json")
    index.write_text(content)
    assert load(root)[0] == before


@pytest.mark.parametrize(
    "change",
    [
        {"difference_hash": "00"},
        {"difference_hash": "x" * 64},
        {"difference_hash": ""},
        {"digest": "\ud800"},
        {"digest": ""},
        {"height": -1},
        {"width": 10**300},
        {"height": 10**6, "width": 10**6},
        {"height": float("nan")},
        {"error": "is a foreign record"},
    ],
)
def test_index_of_something_else_is_made_again(root, empty_home, change):
    before, _ = load(root)
    (index,) = empty_home.cache.glob("index-*.json")
    rows = json.loads(index.read_text())
    index.write_text(json.dumps({name: row | change for name, row in rows.items()}))
    assert load(root)[0] == before
    near_groups(load(root)[0])


def test_index_that_is_no_file_is_no_index(root, empty_home):
    before, _ = load(root)
    (index,) = empty_home.cache.glob("index-*.json")
    index.unlink()
    os.mkfifo(index)
    assert load(root)[0] == before


def test_altered_index_never_ends_in_an_error(root, empty_home):
    before = read_records(root, paths(root))
    (index,) = empty_home.cache.glob("index-*.json")
    content, rng = index.read_bytes(), np.random.default_rng(5)
    for _ in range(40):
        altered = bytearray(content)
        for at in rng.integers(0, len(content), 3):
            altered[at] = rng.choice(list(b'{}[]",:0x\\\x00\xff'))
        index.write_bytes(bytes(altered))
        records = read_records(root, paths(root))
        assert len(records) == len(before)
        near_groups(records)


def test_photo_that_couldnt_be_read_for_a_moment_is_read_again(root, monkeypatch):
    def fail(path):
        try:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        except OSError as error:
            raise PhotoError("can't be read: too many open files") from error

    with monkeypatch.context() as patch:
        patch.setattr(photos, "read_file", fail)
        assert all(record.error for record in read_records(root, paths(root)))
    assert not any(record.error for record in read_records(root, paths(root)))


def test_photo_that_is_too_large_is_read_once(root, decoded):
    with (root / "disc" / "huge.jpg").open("wb") as file:
        file.truncate(1 << 40)
    assert sum(bool(record.error) for record in load(root)[0]) == 1
    decoded.clear()
    load(root)
    assert decoded == []


WRITER = """
import sys, time
from pathlib import Path
from edgetl.card import InputSpec
from edgetl.host.dataset import cache
real = cache.read_record
def slow(path, spec):
    print("decoding", flush=True)
    time.sleep(float(sys.argv[2]))
    return real(path, spec)
cache.read_record = slow
root = Path(sys.argv[1])
pixels = cache.load_pixels(root, sorted(root.rglob("*.jpg")), InputSpec(32, 40))[1]
print("sum", int(pixels.sum()))
"""


def writer(root, pause):
    command = [sys.executable, "-c", WRITER, str(root), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_killed_writer_leaves_no_broken_cache(root, empty_home):
    process = writer(root, 1.0)
    process.stdout.readline()
    process.kill()
    process.wait()
    (leftover,) = npy_files(empty_home)
    assert leftover.name.startswith(".")
    _, pixels = load(root)
    assert all(pixels[i].any() for i in range(12))
    assert not leftover.exists(), "what a killed command left goes with the next one"
    assert len(npy_files(empty_home)) == 1


def test_half_a_cache_of_other_photos_goes_too(root, empty_home, tmp_path):
    process = writer(root, 1.0)
    process.stdout.readline()
    process.kill()
    process.wait()
    load(shutil.copytree(root, tmp_path / "other"))
    assert [path.name for path in npy_files(empty_home) if path.name.startswith(".")] == []


def test_writers_at_the_same_time(root):
    processes = [writer(root, 0.02) for _ in range(3)]
    outs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert {out.split()[-1] for out in outs} == {str(int(load(root)[1].sum()))}


def test_error_while_decoding_leaves_nothing(root, empty_home, monkeypatch):
    def full(path, spec):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cache, "read_record", full)
    with pytest.raises(EdgetlError, match="can't write: No space left on device") as caught:
        load(root)
    assert str(empty_home.cache) in caught.value.where
    assert npy_files(empty_home) == []


def test_records_that_cant_be_kept_are_used_all_the_same(root, empty_home, monkeypatch, caplog):
    (empty_home.folder / "file").write_text("")
    monkeypatch.setenv("EDGETL_CACHE", str(empty_home.folder / "file"))
    assert not any(record.error for record in read_records(root, paths(root)))
    assert str(empty_home.folder / "file") in caplog.text


def test_cache_that_cant_be_written(root, empty_home, monkeypatch):
    (empty_home.folder / "file").write_text("")
    monkeypatch.setenv("EDGETL_CACHE", str(empty_home.folder / "file"))
    with pytest.raises(EdgetlError, match="can't write") as caught:
        load(root)
    assert str(empty_home.folder / "file") in caught.value.where


def test_folder_whose_name_isnt_utf8_has_a_cache(root, empty_home, tmp_path):
    moved = root.rename(tmp_path / "caf\udce9")
    assert load(moved)[1].any()
    assert len(npy_files(empty_home)) == 1
