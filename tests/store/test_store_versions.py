"""The versions of a stored model: which one is current, what belongs to which, and kills at every step."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from edgetl import store
from edgetl.card import DatasetInfo, InputSpec, ModelCard
from edgetl.errors import ModelError, UsageError
from edgetl.files import temporary_folder

SAME = DatasetInfo("/photos", "f" * 64, 30, 6, split="a" * 64)


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGETL_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def make(folder, made, top1=0.5, dataset=SAME, labels=("a", "b")):
    """A finished training's folder; `made` tells it from others."""
    card = ModelCard(
        "m", "classification", labels, InputSpec(8, 8), dataset=dataset, metrics={} if top1 is None else {"top1": top1}
    )
    folder.mkdir(parents=True)
    (folder / "card.json").write_text(replace(card, created=made).to_json())
    (folder / "model.keras").write_text(made)
    (folder / "checkpoint.npz").write_text("")
    return folder


def put(root, made, **kwargs):
    return store.add_version("m", make(root / ".m.training", made, **kwargs))


def bundle(model, target="rpi"):
    (model.folder / target).mkdir()
    (model.folder / target / "bundle.json").write_text(model.card.created)


def weights():
    """What each version is made of, the current one first; and its bundle's."""
    models = store.survey(every_version=True)[0]
    return [(model.number, model.weights.read_text(), *(b.name for b in model.bundles())) for model in models]


def hidden(root):
    return [str(path) for path in root.rglob(".*")]


def test_the_better_version_on_the_same_photos_becomes_current(root):
    put(root, "first", top1=0.708)
    done = put(root, "second", top1=0.417)
    assert not done.model.is_current
    assert all(part in done.reason for part in ("m@1", "70.8%", "m@2", "41.7%", "edgetl models use m@2"))
    assert weights() == [(1, "first"), (2, "second")]
    assert put(root, "third", top1=0.8).model.is_current
    assert weights() == [(3, "third"), (1, "first"), (2, "second")]
    assert hidden(root) == []
    assert not list(root.rglob("checkpoint.npz"))


def test_the_newer_of_two_equal_versions_becomes_current(root):
    put(root, "first")
    assert put(root, "second").model.is_current


@pytest.mark.parametrize(
    "other",
    [{"dataset": replace(SAME, split="b" * 64)}, {"dataset": None}, {"labels": ("a", "c")}, {"top1": None}],
)
def test_the_newer_version_becomes_current_if_the_two_cant_be_compared(root, other):
    put(root, "first", **{"top1": 0.9, **other})
    done = put(root, "second", top1=0.1)
    assert done.model.is_current
    assert "edgetl models use m@1" in done.reason


def test_the_newer_version_becomes_current_if_the_earlier_one_cant_be_read(root):
    put(root, "first")
    (root / "m" / "card.json").write_text("{")
    assert put(root, "second").model.is_current
    assert [one.name for one in store.survey(every_version=True)[1]] == ["m@1"]
    store.remove("m@1")
    assert weights() == [(2, "second")]


def test_bundles_stay_with_their_version(root):
    bundle(put(root, "first").model)
    bundle(put(root, "second").model)
    assert weights() == [(2, "second", "rpi"), (1, "first", "rpi")]
    assert store.use("m@1").folder == root / "m"
    assert weights() == [(1, "first", "rpi"), (2, "second", "rpi")]
    assert (root / "m" / "rpi" / "bundle.json").read_text() == "first"
    assert {path.name for path in store.open_model("m").files()} == {"bundle.json", "card.json", "model.keras"}
    assert store.use("m@1").is_current, "once more changes nothing"


def test_versions_are_found_by_name(root):
    put(root, "first", top1=0.9)
    put(root, "second", top1=0.1)
    assert [store.open_model(name).card.created for name in ("m", "m@1", "m@2")] == ["first", "first", "second"]
    assert (store.open_model("m@2").reference, store.open_model("m").reference) == ("m@2", "m")
    assert store.has("m@2")
    assert not any(map(store.has, ("m@3", "m@0", "m@", "@1", "m@x", "m@1@2", "n@1")))
    assert store.open_model().card.created == "first", "the model that was trained last, in its current version"
    for name in ("m@3", "m@0", "m@", "m@x", "../m@1", "n@1"):
        with pytest.raises(UsageError):
            store.open_model(name)


def test_use_refuses_a_version_that_doesnt_exist(root):
    put(root, "first")
    put(root, "second")
    for name in ("m", "m@3", "n@1"):
        with pytest.raises(UsageError) as caught:
            store.use(name)
    assert "choose one of" in caught.value.remedy


def test_version_that_cant_be_read_never_becomes_current(root):
    for made in ("first", "second", "third"):
        put(root, made)
    (root / "m" / "versions" / "2" / "card.json").write_text("{")
    with pytest.raises(ModelError):
        store.use("m@2")
    assert store.open_model("m").number == 3
    assert store.removal("m@3").next_number == 1


@pytest.mark.parametrize("name", ["0", "02", "x", "\u0663", "9" * 20])
def test_folders_that_no_reference_can_name_are_no_versions(root, name):
    put(root, "first")
    put(root, "second")
    shutil.copytree(root / "m" / "versions" / "1", root / "m" / "versions" / name)
    assert [number for number, *_ in weights()] == [2, 1]


def test_one_version_can_be_removed(root):
    for made in ("first", "second", "third"):
        bundle(put(root, made).model)
    plan = store.removal("m@2")
    assert (plan.bundles, plan.next_number, len(plan.folders)) == (1, 0, 1)
    store.remove("m@2")
    assert weights() == [(3, "third", "rpi"), (1, "first", "rpi")]
    assert store.removal("m@3").next_number == 1
    store.remove("m@3")
    assert weights() == [(1, "first", "rpi")]
    assert sorted(path.name for path in (root / "m").iterdir()) == ["card.json", "model.keras", "rpi"]
    with pytest.raises(UsageError):
        store.remove("m@2")
    store.remove("m@1")
    assert list(root.iterdir()) == []


def test_removing_a_model_removes_all_its_versions(root):
    for made in ("first", "second"):
        bundle(put(root, made).model)
    plan = store.removal("m")
    assert (plan.bundles, len(plan.folders)) == (2, 2)
    assert all(part in plan.describe() for part in ("2 versions", "2 bundles"))
    store.remove("m")
    assert list(root.iterdir()) == []


def test_the_number_of_a_removed_version_isnt_used_again_below_a_higher_one(root):
    for made in ("first", "second"):
        put(root, made)
    store.remove("m@1")
    assert put(root, "third").model.number == 3


def test_copied_and_renamed_models_keep_their_versions(root):
    for made in ("first", "second"):
        put(root, made)
    shutil.copytree(root / "m", root / "copy")
    (root / "m").rename(root / "renamed")
    assert [model.exact_name for model in store.survey(every_version=True)[0]] == [
        "copy@2",
        "copy@1",
        "renamed@2",
        "renamed@1",
    ]


def test_two_versions_with_one_number_are_both_kept(root):
    put(root, "first")
    put(root, "second")
    (root / "m" / "version").unlink()
    assert weights() == [(2, "second"), (1, "first")]
    shutil.copytree(root / "m" / "versions" / "1", root / "m" / "versions" / "7")
    (root / "m" / "version").write_text("7")
    assert {made for _, made in weights()} == {"first", "second"}
    assert len(weights()) == 3
    store.use("m@1")
    assert len(weights()) == 3


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "9" * 30, "\u0661"])
def test_a_number_that_cant_be_read_counts_as_1(root, text):
    put(root, "first")
    (root / "m" / "version").write_text(text)
    assert weights() == [(1, "first")]


def test_a_folder_without_a_model_that_has_the_name_becomes_a_version(root):
    (root / "m").mkdir(parents=True)
    (root / "m" / "notes.txt").write_text("mine")
    put(root, "first")
    assert weights() == [(2, "first")]
    assert (root / "m" / "versions" / "1" / "notes.txt").read_text() == "mine"


def test_a_bundle_finished_after_a_swap_goes_to_the_version_that_was_converted(root):
    first = put(root, "first").model
    with temporary_folder(root / "m.rpi") as work:
        (work / "bundle.json").write_text("of the first")
        put(root, "second")
        place = store.add_folder(first, "rpi", work)
    assert place == root / "m" / "versions" / "1" / "rpi"
    assert weights() == [(2, "second"), (1, "first", "rpi")]
    assert store.relocate(first).folder == root / "m" / "versions" / "1"
    store.remove("m@1")
    with pytest.raises(ModelError), temporary_folder(root / "m.rpi") as work:
        store.add_folder(first, "rpi", work)
    assert hidden(root) == []


def test_an_unfinished_training_without_a_checkpoint_is_removed_unless_it_runs(root):
    with store.exclusive_lock("m", "training", ""):
        (root / ".m.training").mkdir()
        store.models()
        assert (root / ".m.training").exists()
    store.models()
    assert hidden(root) == []
    make(root / ".m.training", "first")
    store.models()
    assert (root / ".m.training" / "checkpoint.npz").exists()


STEPS = {
    "the newer becomes current": lambda folder: store.add_version("m", folder),
    "the newer version is not current": lambda folder: store.add_version("m", folder),
    "use": lambda _: store.use("m@1"),
    "remove the current one": lambda _: store.remove("m@2"),
    "remove another one": lambda _: store.remove("m@1"),
    "remove all": lambda _: store.remove("m"),
}


def killed_at(step, count):
    """Runs a step in a child process that kills itself before its `count`-th change of a folder; whether it did so."""
    child = os.fork()
    if child == 0:
        changes = [0]

        def killing(real):
            def call(*args, **kwargs):
                changes[0] += 1
                if changes[0] == count:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **kwargs)

            return call

        for owner, name in ((Path, "rename"), (Path, "mkdir"), (Path, "unlink"), (Path, "replace"), (shutil, "rmtree")):
            setattr(owner, name, killing(getattr(owner, name)))
        try:
            step()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


@pytest.mark.parametrize("name", STEPS)
def test_kill_before_any_change_of_a_folder_loses_nothing(root, name):
    kills = 0
    while True:
        shutil.rmtree(root, ignore_errors=True)
        for made in ("first", "second"):
            bundle(put(root, made, top1=0.5).model)
        before = weights()
        trained = make(root / ".m.training", "new", top1=0.1 if "aside" in name else 0.9)
        killed = killed_at(partial(STEPS[name], trained), kills + 1)
        after = weights()
        assert after == weights()
        if not name.startswith("remove"):
            assert set(before) <= set(after)
            assert (trained / "checkpoint.npz").exists() + len(after) == 3, "it is in the store, or can be resumed"
        assert set(after) <= {(1, "first", "rpi"), (2, "second", "rpi"), (3, "new")}
        assert [path for path in hidden(root) if ".training" not in path] == []
        assert store.survey(every_version=True)[1] == []
        if not killed:
            break
        kills += 1
    assert kills >= 2


def test_readers_find_the_model_at_any_moment_of_a_swap(root):
    for made in ("first", "second"):
        put(root, made)
    failed, ended = [], threading.Event()

    def read():
        while not ended.is_set():
            try:
                store.open_model("m")
                store.open_model("m@1")
            except Exception as error:
                failed.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in (1, 2) * 20:
        store.use(f"m@{number}")
    ended.set()
    reader.join()
    assert failed == []
