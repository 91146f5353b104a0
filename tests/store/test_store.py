from __future__ import annotations

import dataclasses
import os
import re

import pytest

from edgetl import store
from edgetl.card import Backbone, InputSpec, ModelCard
from edgetl.errors import ModelError, UsageError
from edgetl.store.listing import entry, table
from edgetl.store.model import derived_name

HEAD = ["name", "task", "classes", "measured", "version", "px", "MB", "seed", "time", "ms"]
HEAD += ["trained", "from", "bundles"]


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGETL_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def make(folder, name, day=1, top1=0.5):
    card = ModelCard(name, "classification", ("a", "b"), InputSpec(8, 8), metrics={"top1": top1})
    card = dataclasses.replace(card, backbone=Backbone("mobilenet_v2", 0.35), created=f"2026-01-{day:02}T00:00:00")
    folder.mkdir(parents=True)
    (folder / "card.json").write_text(card.to_json())
    (folder / "model.keras").write_bytes(b"x" * 1_500_000)
    return folder


def put(tmp_path, name, **kwargs):
    return store.add_version(name, make(tmp_path / f"work-{name}", name, **kwargs)).model


def test_root_is_where_the_environment_says(root, monkeypatch):
    assert store.root() == root
    monkeypatch.delenv("EDGETL_MODELS")
    assert str(store.root()) == "models"


def test_an_empty_store_has_no_model(root):
    assert store.models() == []
    assert table([]).split() == HEAD
    with pytest.raises(UsageError, match="no model has been trained yet"):
        store.open_model()
    assert not root.exists()


def test_models_are_ordered_by_age_and_the_latest_is_the_default(tmp_path):
    for name, day in (("b", 2), ("a", 3), ("c", 1)):
        put(tmp_path, name, day=day)
    assert [model.name for model in store.models()] == ["c", "b", "a"]
    assert store.open_model().name == "a"
    assert store.open_model("b").card.created.startswith("2026-01-02")


def test_the_table_has_a_row_for_each_model(tmp_path, root):
    model = put(tmp_path, "parts", top1=0.9876)
    for bundle in ("rpi", "x86", ".rpi.half"):
        (root / "parts" / bundle).mkdir()
        (root / "parts" / bundle / "bundle.json").write_text("{}")
    (root / "parts" / "train.toml").write_text("seed = 7\n")
    (root / "parts" / "history.csv").write_text("stage,epoch,seconds\nhead,1,100\nfinetune,1,80.5\n")
    head, row = table(store.models()).splitlines()
    assert head.split() == HEAD
    cells = ["parts", "classification", "2", "top-1 0.988", "1", "8", "1.5", "7", "3 min", "?, ?", "2026-01-01"]
    assert re.split(r" {2,}", row) == [*cells, "mobilenet_v2 0.35, none", "rpi, x86"]
    assert head.index("bundles") == row.index("rpi")
    assert [path.name for path in model.bundles()] == ["rpi", "x86"]
    found = entry(model)
    assert (found.seed, found.seconds, found.size, found.bytes) == (7, 180.5, (8, 8), 1_500_000)


@pytest.mark.parametrize(
    "text",
    ["seed = ", "seed = 'x'", "\x00", "stage,seconds\nhead,long\n", "seconds\n", "seed = true", "seconds\nnan\n"],
)
def test_files_that_were_edited_dont_hide_a_model(tmp_path, root, text):
    model = put(tmp_path, "a")
    for name in ("train.toml", "history.csv"):
        (root / "a" / name).write_text(text)
    assert entry(model).seed is None
    assert entry(model).seconds in (None, 0)


def test_listing_never_waits_for_a_pipe_or_reads_a_device(tmp_path, root):
    put(tmp_path, "a")
    put(tmp_path, "b")
    os.mkfifo(root / "a" / "train.toml")
    os.mkfifo(root / "a" / "version")
    (root / "b" / "history.csv").symlink_to("/dev/zero")
    found = [entry(model) for model in store.models()]
    assert [(one.version, one.seed, one.seconds) for one in found] == [(1, None, None)] * 2


def test_odd_card_doesnt_spoil_the_table(tmp_path, root):
    put(tmp_path, "a", top1=1e300)
    assert max(map(len, table(store.models()).splitlines())) < 300


def test_bundle_whose_replacement_was_killed_between_its_renames_is_found(tmp_path, root):
    model = put(tmp_path, "a")
    (root / "a" / ".rpi.old").mkdir()
    (root / "a" / ".rpi.old" / "bundle.json").write_text("{}")
    assert model.bundles() == [root / "a" / "rpi"]


def test_a_model_has_the_name_of_its_folder(tmp_path, root):
    put(tmp_path, "a")
    (root / "a").rename(root / "renamed")
    assert table(store.models()).splitlines()[1].startswith("renamed ")
    with pytest.raises(UsageError) as caught:
        store.open_model("a")
    assert caught.value.remedy == "choose one of: renamed"


def test_a_model_with_a_broken_card_is_reported_and_can_be_removed(tmp_path, root):
    put(tmp_path, "good")
    put(tmp_path, "bad")
    (root / "bad" / "card.json").write_text("{")
    good, damaged = store.survey()
    assert [model.name for model in good] == ["good"]
    assert [(one.name, "card.json" in one.reason) for one in damaged] == [("bad", True)]
    with pytest.raises(ModelError, match=r"card.json can't be read"):
        store.open_model("bad")
    store.remove("bad")
    assert not (root / "bad").exists()


def test_unfinished_trainings_and_strangers_are_no_models(tmp_path, root):
    put(tmp_path, "a")
    make(root / ".b.training", "b", day=9)
    (root / "notes").mkdir()
    (root / "README.md").write_text("")
    assert [model.name for model in store.models()] == ["a"]
    assert store.open_model().name == "a"


def test_a_removed_model_is_gone(tmp_path, root):
    put(tmp_path, "a")
    put(tmp_path, "b")
    store.remove("a")
    assert [path.name for path in root.iterdir()] == ["b"]
    with pytest.raises(UsageError, match="there is no model 'a'"):
        store.remove("a")


def test_a_folder_without_its_card_is_reported_and_can_be_removed(tmp_path, root):
    put(tmp_path, "a")
    (root / "a" / "card.json").unlink()
    assert [one.name for one in store.survey()[1]] == ["a"]
    with pytest.raises(ModelError):
        store.open_model("a")
    store.remove("a")
    assert list(root.iterdir()) == []


def test_a_folder_with_an_impossible_name_is_reported(tmp_path, root):
    put(tmp_path, "a")
    (root / "a").rename(root / "my model\x1b[2J")
    good, damaged = store.survey()
    assert good == []
    assert [one.name for one in damaged] == ["my model\x1b[2J"]


def test_a_read_only_store_is_read(tmp_path, root, monkeypatch):
    put(tmp_path, "a")
    (root / ".a.removed").mkdir()
    monkeypatch.setattr("shutil.rmtree", lambda *args, **options: (_ for _ in ()).throw(PermissionError()))
    assert store.open_model("a").name == "a"


@pytest.mark.parametrize("name", ["../x", "a/b", "/x", "", ".", "..", ".hidden", "-x", "a b", "a\n", "ä", "a\\b"])
def test_a_bad_name_is_refused(tmp_path, root, name):
    make(tmp_path / "x", "x")
    assert not store.has(name)
    for call in (
        store.check_name,
        store.open_model,
        store.remove,
        lambda name: store.add_version(name, tmp_path / "x"),
    ):
        with pytest.raises(UsageError, match="can't be a model's name"):
            call(name)
    assert (tmp_path / "x" / "card.json").exists()


@pytest.mark.parametrize("name", ["a", "A.b-c_1", "0", "v1.0"])
def test_a_good_name_is_accepted(name):
    assert store.check_name(name) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Hard Hat Sample.v3i.folder", "Hard-Hat-Sample.v3i.folder"),
        ("photos", "photos"),
        (".hidden", "hidden"),
        ("Gläser & Krüge", "Gl-ser-Kr-ge"),
        ("a@2", "a-2"),
        ("x" * 300, "x" * 100),
        ("caf\udce9", "caf"),
    ],
)
def test_name_derived_from_a_folder_can_be_used(text, name):
    assert derived_name(text) == store.check_new_name(name) == name


@pytest.mark.parametrize("text", ["фото", "..", "", "😀"])
def test_a_text_without_usable_characters_gives_no_name(text):
    with pytest.raises(UsageError) as caught:
        derived_name(text)
    assert "--name" in caught.value.remedy


def test_a_new_name_has_a_largest_length():
    with pytest.raises(UsageError, match="too long"):
        store.check_new_name("x" * 101)
