from __future__ import annotations

import dataclasses
import re

import pytest

from edgetl import store
from edgetl.card import Backbone, InputSpec, ModelCard
from edgetl.errors import ModelError, UsageError


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
    return store.put(name, make(tmp_path / f"work-{name}", name, **kwargs))


def test_root_is_where_the_environment_says(root, monkeypatch):
    assert store.root() == root
    monkeypatch.delenv("EDGETL_MODELS")
    assert str(store.root()) == "models"


def test_nothing_stored(root):
    assert store.models() == []
    assert store.table([]) == "name  task  classes  measured  MB  trained  from  bundles"
    with pytest.raises(UsageError, match="no model has been trained yet"):
        store.open_model()
    assert not root.exists()


def test_oldest_first_and_the_last_is_the_default(tmp_path):
    for name, day in (("b", 2), ("a", 3), ("c", 1)):
        put(tmp_path, name, day=day)
    assert [model.name for model in store.models()] == ["c", "b", "a"]
    assert store.open_model().name == "a"
    assert store.open_model("b").card.created.startswith("2026-01-02")


def test_put_replaces_whole(tmp_path, root):
    put(tmp_path, "a")
    (root / "a" / "rpi").mkdir()
    put(tmp_path, "a", day=9)
    assert sorted(path.name for path in root.iterdir()) == ["a"]
    assert [path.name for path in store.open_model("a").files()] == ["card.json", "model.keras"]


def test_table(tmp_path, root):
    put(tmp_path, "parts", top1=0.9876)
    for bundle in ("rpi", "x86", ".rpi.half", ".rpi.old"):
        (root / "parts" / bundle).mkdir()
        (root / "parts" / bundle / "bundle.json").write_text("{}")
    head, row = store.table(store.models()).splitlines()
    assert head.split() == ["name", "task", "classes", "measured", "MB", "trained", "from", "bundles"]
    cells = ["parts", "classification", "2", "top-1 0.988", "1.5", "2026-01-01", "mobilenet_v2 0.35, none", "rpi, x86"]
    assert re.split(r" {2,}", row) == cells
    assert head.index("bundles") == row.index("rpi")
    assert [path.name for path in store.open_model("parts").bundles()] == ["rpi", "x86"]


def test_model_is_called_as_its_folder(tmp_path, root):
    put(tmp_path, "a")
    (root / "a").rename(root / "renamed")
    assert store.table(store.models()).splitlines()[1].startswith("renamed ")
    with pytest.raises(UsageError) as caught:
        store.open_model("a")
    assert caught.value.remedy == "choose one of: renamed"


def test_broken_card_is_left_out_told_by_name_and_can_be_removed(tmp_path, root):
    put(tmp_path, "good")
    put(tmp_path, "bad")
    (root / "bad" / "card.json").write_text("{")
    assert [model.name for model in store.models()] == ["good"]
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


def test_remove(tmp_path, root):
    put(tmp_path, "a")
    put(tmp_path, "b")
    store.remove("a")
    assert [path.name for path in root.iterdir()] == ["b"]
    with pytest.raises(UsageError, match="there is no model 'a'"):
        store.remove("a")


@pytest.mark.parametrize("name", ["../x", "a/b", "/x", "", ".", "..", ".hidden", "-x", "a b", "a\n", "ä", "a\\b"])
def test_bad_names(tmp_path, root, name):
    make(tmp_path / "x", "x")
    assert not store.has(name)
    for call in (store.check_name, store.open_model, store.remove, lambda name: store.put(name, tmp_path / "x")):
        with pytest.raises(UsageError, match="can't be a model's name"):
            call(name)
    assert (tmp_path / "x" / "card.json").exists()


@pytest.mark.parametrize("name", ["a", "A.b-c_1", "0", "v1.0"])
def test_good_names(name):
    assert store.check_name(name) == name
