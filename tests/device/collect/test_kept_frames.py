"""The account of a folder of collected frames: what is deleted when the space is full."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from edgetl.device.collect.kept_frames import KeptFrame, KeptFrames, name_of


class Account:
    """The account of a folder into which frames of a thousand bytes are put."""

    def __init__(self, folder, most=10_000):
        self.folder, self.now = folder, datetime(2026, 11, 1, tzinfo=UTC)
        self.kept = KeptFrames(folder, most)
        self.kept.read()
        self.count = 0

    def put(self, informative, reason="uncertain", days=0.0):
        """Puts a frame that is so many days old; returns its name if it is kept."""
        name = name_of(self.now - timedelta(days=days, milliseconds=-self.count), f"{self.count:08x}")
        self.count += 1
        frame = KeptFrame(name, 1000, informative, reason == "random")
        if not self.kept.make_room(frame, self.now.timestamp()):
            return None
        note = json.dumps({"score": informative, "reason": reason})
        (self.folder / f"{name}.jpg").write_bytes(b"0" * (1000 - len(note)))
        (self.folder / f"{name}.json").write_text(note)
        self.kept.add(frame)
        return name

    def names(self):
        return {file.stem for file in self.folder.glob("*.json")}


@pytest.fixture
def account(tmp_path):
    return Account(tmp_path)


def test_the_least_informative_goes_first_and_the_older_of_two_alike(account):
    names = [account.put(score) for score in (0.9, 0.6, 0.8, 0.6, 0.7, 0.9, 0.9, 0.9, 0.9, 0.9)]
    added = account.put(0.75)
    assert account.names() == {*names, added} - {names[1]}
    assert account.put(0.55) is None, "it would be the next to go"
    assert account.names() == {*names, added} - {names[1]}


def test_old_frames_become_worth_less(account):
    old = account.put(0.99, days=60)
    names = [account.put(0.6) for _ in range(9)]
    added = account.put(0.6)
    assert account.names() == {*names, added}
    assert old not in account.names()


def test_a_tenth_of_the_space_is_for_frames_by_lot(account):
    first = account.put(0.01, "random")
    names = [account.put(0.9) for _ in range(9)]
    account.put(0.95)
    assert first in account.names(), "a frame by lot is not deleted for another one"
    second = account.put(0.01, "random")
    assert {first, second} & account.names() == {second}
    assert len(account.names() & set(names)) == 8


def test_frames_that_were_fetched_and_deleted_leave_room(account):
    names = [account.put(0.9) for _ in range(10)]
    for name in names[:5]:
        for suffix in (".json", ".jpg"):
            (account.folder / f"{name}{suffix}").unlink()
    assert all(account.put(0.6) for _ in range(5))
    assert len(account.names()) == 10


def test_earlier_frames_count_and_other_files_are_left_alone(account, tmp_path):
    names = [account.put(0.6 + i / 100) for i in range(10)]
    half = tmp_path / f"{name_of(account.now, 'ffffffff')}.jpg"
    half.write_bytes(b"half a frame")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / f"{names[9]}.json").write_text("0" * 400)
    again = Account(tmp_path)
    again.count = 100
    assert not half.exists()
    assert again.put(0.9)
    assert names[9] not in again.names(), "a frame that can't be read is worth nothing"
    assert (tmp_path / "notes.txt").exists()
    assert len(again.names()) == 10


def test_a_frame_larger_than_the_space_is_not_kept(tmp_path):
    assert Account(tmp_path, most=999).put(0.9) is None
