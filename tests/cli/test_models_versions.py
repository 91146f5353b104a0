"""`edgetl models`: the versions of a model listed, shown, chosen and deleted."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from homes import edgetl, refused

from edgetl import store
from edgetl.card import ModelCard
from edgetl.files import write_atomic


@pytest.fixture
def two(home):
    """A home whose model `tiny` has a second version, without a bundle, that isn't current."""
    new = shutil.copytree(home.models / "tiny", home.models / ".tiny.training")
    shutil.rmtree(new / "loose")
    card = json.loads((new / "card.json").read_text())
    card["metrics"]["top1"] = -1.0
    write_atomic(new / "card.json", json.dumps(card))
    assert not store.add_version("tiny", new).model.is_current
    return home


def listed(*args):
    return {row["name"]: row for row in json.loads(edgetl("models", *args, "--json").out)}


def test_every_version_is_listed(two):
    done = edgetl("models", "list")
    assert done.code == 0
    assert done.out == edgetl("models").out
    assert [line.split()[0] for line in done.out.splitlines()] == ["name", "tiny", "tiny@2"]
    rows = listed()
    assert rows == listed("list")
    tiny = rows["tiny"]
    assert (tiny["version"], tiny["current"], rows["tiny@2"]["current"]) == (1, True, False)
    assert (tiny["size"], tiny["seed"], tiny["split_seed"]) == ([96, 96], 0, 0)
    assert tiny["bytes"] == (two.models / "tiny" / "model.keras").stat().st_size
    assert tiny["seconds"] > 0
    assert tiny["bundles"]["loose"] > 0
    assert rows["tiny@2"]["bundles"] == {}


def test_damaged_model_hides_no_other(two):
    (two.models / "tiny" / "versions" / "2" / "card.json").write_text("{")
    done = edgetl("models")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == ["name", "tiny"]
    assert "tiny@2" in done.err
    assert "card.json" in listed()["tiny@2"]["problem"]


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"\xff", b"{}", b'{"schema": 1}', b'{"schema": 99}', b"9" * 5000, b"[" * 100_000, None, "fifo"],
)
def test_no_damage_of_a_card_hides_the_others(home, damage):
    shutil.copytree(home.models / "tiny", home.models / "bad")
    card = home.models / "bad" / "card.json"
    card.unlink()
    if damage == "fifo":
        os.mkfifo(card)
    elif damage is not None:
        card.write_bytes(damage)
    done = edgetl("models")
    assert done.code == 0
    assert "bad" in done.err
    assert done.out.splitlines()[1].startswith("tiny ")


def test_show_and_use_take_versions(two):
    assert str(two.models / "tiny" / "versions" / "2" / "model.keras") in edgetl("models", "show", "tiny@2").out
    assert edgetl("models", "use", "tiny@2").code == 0
    assert ModelCard.load(two.models / "tiny" / "card.json").metrics["top1"] == -1
    assert (two.models / "tiny" / "versions" / "1" / "loose" / "bundle.json").is_file()
    assert str(two.models / "tiny" / "versions" / "1") in edgetl("models", "show", "tiny@1").out
    refused(edgetl("models", "use", "tiny@3"), 2, "tiny@1", "tiny@2")
    refused(edgetl("models", "use", "tiny"), 2, "tiny@1", "tiny@2")


def test_remove_looks_before_it_asks(two):
    for name in ("nothere", "tiny@9", "nothere@1"):
        refused(edgetl("models", "remove", name), 2, "choose one of")


def test_remove_says_what_goes_and_what_becomes_current(two):
    done = edgetl("models", "remove", "tiny")
    assert done.code == 1
    assert all(part in done.out for part in ("2 versions", "1 bundle"))
    done = edgetl("models", "remove", "tiny@1")
    assert all(part in done.out for part in ("1 bundle", "tiny@2"))
    assert len(listed()) == 2
    assert edgetl("models", "remove", "tiny@1", "--yes").code == 0
    assert [row["version"] for row in listed().values()] == [2]
    assert edgetl("models", "remove", "tiny", "--yes").code == 0
    assert list(two.models.iterdir()) == []


def test_version_is_evaluated_and_converted_by_name(two):
    assert edgetl("eval", "tiny@2", "--json").code == 0
    refused(edgetl("eval", "tiny@9"), 2, "tiny@2")
    done = edgetl("convert", "tiny@2", "--target", two.target, "--recipe", "float32")
    assert done.code == 0, done.err
    assert (two.models / "tiny" / "versions" / "2" / "loose" / "bundle.json").is_file()
    assert edgetl("verify", "tiny@2/loose").code == 0
    assert not list(two.models.rglob(".*"))


@pytest.mark.slow
def test_conversion_during_a_swap_lands_in_its_own_version(two, monkeypatch):
    from edgetl.host.convert.gate import golden_set

    real = golden_set.choose

    def swap_first(*args):
        store.use("tiny@2")
        return real(*args)

    monkeypatch.setattr(golden_set, "choose", swap_first)
    before = (two.models / "tiny" / "loose" / "bundle.json").read_bytes()
    done = edgetl("convert", "tiny", "--target", two.target, "--recipe", "float32")
    assert done.code == 0, done.err
    assert not (two.models / "tiny" / "loose").exists()
    assert (two.models / "tiny" / "versions" / "1" / "loose" / "bundle.json").read_bytes() != before
    assert not list(two.models.rglob(".*"))


def test_photos_that_are_gone_are_asked_for(home):
    home.photos.rename(home.folder / "moved")
    refused(edgetl("convert", "tiny", "--target", home.target), 3, "--data", str(home.photos))
