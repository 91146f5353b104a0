"""A copied release gets into its place whole, or not at all."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from device_releases import make_wheel, write_release

from edgetl.device.release import receive as module
from edgetl.device.release.digests import checked_release
from edgetl.device.release.receive import receive
from edgetl.errors import EdgetlError, ModelError


@pytest.fixture
def wheel(tmp_path):
    made = make_wheel(tmp_path / "made", {"edgetl/__init__.py": ""})
    return {made.name: made}


def nothing_is_there(root):
    return not list((root / "releases").glob("*")) if (root / "releases").exists() else True


def test_a_whole_release_gets_into_its_place_with_its_wheels(root, wheel):
    digest = write_release(root, wheels=wheel)
    assert receive(root, digest) == {"received": digest, "already": False}
    folder = root / "releases" / digest
    assert sorted(path.name for path in folder.iterdir()) == ["bundle", "env", "release.json", "run.toml"]
    release = checked_release(folder)
    assert str((folder / "env").readlink()) == f"../../envs/{release.env}"
    assert [path.name for path in (root / "wheels").iterdir()] == list(wheel)
    assert not list((root / "incoming").iterdir())


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "bundle" / "float32.tflite").write_text("weightz"),
        lambda folder: (folder / "bundle" / "float32.tflite").unlink(),
        lambda folder: (folder / "bundle" / "more.bin").write_text("more"),
        lambda folder: (folder / "run.toml").write_text('source = "rtsp://elsewhere"\n'),
        lambda folder: (folder / "bundle" / "link").symlink_to("/etc/passwd"),
        lambda folder: (folder / "release.json").write_text("{}"),
        lambda folder: (folder / "release.json").unlink(),
        lambda folder: edit(folder, lambda rows: rows.update(libc="musl")),
        lambda folder: edit(folder, lambda rows: rows["wheels"][0].update(sha256="0" * 64)),
        lambda folder: edit(folder, lambda rows: rows["wheels"][0].update(file="../../x.whl")),
        lambda folder: next((folder / "wheels").iterdir()).write_text("altered"),
    ],
    ids=[
        "a file altered",
        "a file missing",
        "a file more",
        "other options",
        "a link",
        "an empty document",
        "no document",
        "another device",
        "another wheel",
        "a path as a wheel",
        "a wheel altered",
    ],
)
def test_an_altered_release_is_refused_and_nothing_is_installed(root, wheel, change):
    digest = write_release(root, wheels=wheel)
    change(root / "incoming" / digest)
    with pytest.raises(ModelError):
        receive(root, digest)
    assert nothing_is_there(root)


def edit(folder, change):
    rows = json.loads((folder / "release.json").read_text())
    change(rows)
    (folder / "release.json").write_text(json.dumps(rows))


def test_another_release_than_the_one_named_is_refused(root):
    digest = write_release(root)
    (root / "incoming" / digest).rename(root / "incoming" / ("0" * 16))
    with pytest.raises(ModelError, match="not 0000000000000000"):
        receive(root, "0" * 16)
    with pytest.raises(EdgetlError, match="no file of this release"):
        receive(root, "1" * 16)
    assert nothing_is_there(root)


def test_files_that_were_not_sent_come_from_another_release(root):
    first = write_release(root)
    receive(root, first)
    second = write_release(root, model="better weights")
    sent = root / "incoming" / second
    (sent / "bundle" / "golden" / "0.png").unlink()
    photo = "bundle/golden/0.png"
    (sent / "reuse.json").write_text(json.dumps({photo: module.sha256_of(root / "releases" / first / photo)}))
    receive(root, second)
    assert (root / "releases" / second / photo).read_text() == "a photo"


@pytest.mark.parametrize("reuse", ['{"../../current": "0"}', '{"/etc/passwd": "0"}', '{"bundle/a": "0"}', "[1]"])
def test_files_that_cannot_be_reused_are_refused(root, reuse):
    digest = write_release(root)
    (root / "incoming" / digest / "reuse.json").write_text(reuse)
    with pytest.raises(EdgetlError):
        receive(root, digest)
    assert nothing_is_there(root)


def test_what_a_cut_connection_left_of_a_copy_is_ignored(root):
    digest = write_release(root)
    (root / "incoming" / digest / "bundle" / ".float32.tflite.aX3x9Z").write_text("half")
    receive(root, digest)
    assert [path.name for path in (root / "releases" / digest / "bundle").glob(".*")] == []


def test_what_the_device_measured_is_no_part_of_a_release(root):
    digest = write_release(root)
    (root / "incoming" / digest / "bundle" / "tuned.json").write_text("of another machine")
    receive(root, digest)
    tuned = root / "releases" / digest / "bundle" / "tuned.json"
    assert not tuned.exists()
    tuned.write_text("of this machine")
    assert receive(root, digest)["already"] is True
    assert checked_release(root / "releases" / digest).digest == digest
    assert tuned.read_text() == "of this machine"


def test_a_release_that_is_there_stays_and_a_damaged_one_is_replaced(root):
    digest = write_release(root)
    receive(root, digest)
    folder = root / "releases" / digest
    before = folder.stat().st_ino
    assert write_release(root) == digest
    assert receive(root, digest) == {"received": digest, "already": True}
    assert receive(root, digest) == {"received": digest, "already": True}
    assert folder.stat().st_ino == before
    (folder / "bundle" / "float32.tflite").write_text("half")
    write_release(root)
    assert receive(root, digest) == {"received": digest, "already": False}
    checked_release(folder)
    assert [path.name for path in folder.parent.iterdir()] == [digest]


def test_a_full_disk_leaves_nothing_half_installed_and_the_next_attempt_succeeds(root, wheel, monkeypatch):
    digest = write_release(root, wheels=wheel)

    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(module, "sync_file", full)
        with pytest.raises(OSError, match="No space"):
            receive(root, digest)
    assert nothing_is_there(root)
    assert receive(root, digest)["already"] is False


@pytest.fixture
def small_disk(root):
    """`~/edgetl` as a file system of 2 MB."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", root], capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    yield root
    subprocess.run(["umount", root], check=True)


@pytest.mark.slow
def test_a_disk_that_is_really_full_leaves_the_device_as_it_was(small_disk):
    first = write_release(small_disk, model="w" * 300_000)
    receive(small_disk, first)
    second = write_release(small_disk, model="w" * 300_000, run="other")
    sent, model = small_disk / "incoming" / second, "bundle/float32.tflite"
    (sent / model).unlink()
    digest = module.sha256_of(small_disk / "releases" / first / model)
    (sent / "reuse.json").write_text(json.dumps({model: digest}))
    filler = small_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(b"0" * 4096):
            pass
    with pytest.raises(OSError, match="No space"):
        receive(small_disk, second)
    assert [path.name for path in (small_disk / "releases").iterdir()] == [first]
    checked_release(small_disk / "releases" / first)
    filler.unlink()
    assert receive(small_disk, second) == {"received": second, "already": False}


PREPARE = """
import sys
from pathlib import Path
from edgetl.device.release.receive import receive
receive(Path(sys.argv[1]), sys.argv[2])
"""


@pytest.mark.slow
def test_a_release_that_is_received_by_a_killed_process_is_received_by_the_next_one(root, wheel):
    """Twenty moments over the time that it takes."""
    for moment in range(20):
        digest = write_release(root, model=f"weights {moment}" * 100_000, wheels=wheel)
        process = subprocess.Popen([sys.executable, "-c", PREPARE, root, digest])
        time.sleep(0.05 + 0.01 * moment)
        process.kill()
        process.wait()
        for folder in (root / "releases").glob("[0-9a-f]*"):
            checked_release(folder)
        assert {path.name for path in (root / "wheels").glob("*")} <= set(wheel)
        if (root / "incoming" / digest).exists():
            shutil.rmtree(root / "incoming" / digest)
            assert write_release(root, model=f"weights {moment}" * 100_000, wheels=wheel) == digest
        assert receive(root, digest)["received"] == digest
        checked_release(root / "releases" / digest)
