"""The end of a training: the model is stored first, as a version, whatever fails after that."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from edgetl import store
from edgetl.card import ModelCard
from edgetl.errors import EdgetlError
from edgetl.host.train import job
from edgetl.host.train.checkpoint import Checkpoint
from edgetl.host.train.classifier import task
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.training import Trained
from edgetl.locks import BusyError


class Network:
    """A stand-in for a trained network."""

    def save(self, path):
        Path(path).write_bytes(b"weights")


@pytest.fixture
def run(monkeypatch, options, small):
    """Trains nothing, and stores a model with the top-1 of the call."""
    asked = {}

    def trained(self, backbone, about, checkpoint):
        (checkpoint.folder / "checkpoint.npz").write_bytes(b"the last epoch")
        card = ModelCard(self.options.name, "classification", ("a", "b"), self.spec, dataset=self.data)
        card = replace(card, metrics={"top1": asked["top1"]})
        return Trained(Network(), card, "as asked for", lambda path, rows: asked["report"](path))

    def train(name, top1=0.5, report=lambda path: path.write_text("the report"), **changes):
        asked.update(top1=top1, report=report)
        return job.train(replace(options, name=name, **changes))

    monkeypatch.setattr(task.ClassifierTraining, "run", trained)
    return train


def fail(*_):
    raise ValueError("no such template\nand more")


def test_the_model_is_stored_even_if_its_report_fails(run, capsys):
    stored = run("unreported", report=fail)
    assert store.open_model("unreported").card == stored.card
    said = capsys.readouterr().err
    assert all(part in said for part in ("warning: ", "no such template", str(stored.folder / "report")))
    assert not (stored.folder / "report").exists()
    assert not list(store.root().glob(".unreported*"))


def test_the_model_is_stored_before_its_report_is_written(run):
    seen = []
    stored = run("reported", report=lambda path: (seen.append(store.has("reported")), path.write_text("the report")))
    assert seen == [True]
    assert (stored.folder / "report" / "index.html").read_text() == "the report"


def test_the_model_is_stored_even_if_its_history_fails(run, monkeypatch, capsys):
    def full(self, path):
        raise EdgetlError("the disk is full")

    monkeypatch.setattr(Checkpoint, "write_history", full)
    stored = run("unhistoric")
    assert (stored.folder / "report" / "index.html").exists()
    assert "the disk is full" in capsys.readouterr().err


def test_training_again_makes_a_version_and_prints_which_one_is_current(run, capsys):
    run("twice", top1=0.708)
    second = run("twice", top1=0.417, seed=5)
    said = capsys.readouterr().err
    assert all(part in said for part in ("70.8%", "41.7%", "`edgetl models use twice@2`", "9 held-back photos"))
    assert "edgetl convert twice@2 " in said
    assert (second.number, second.is_current) == (2, False)
    assert not list((store.root() / "twice").rglob("checkpoint.npz"))
    assert (second.folder / "report" / "index.html").is_file()
    assert run("twice", top1=0.8).is_current
    assert "edgetl convert twice " in capsys.readouterr().err


def test_the_split_has_a_seed_of_its_own(run):
    first, other, split = run("split", seed=1), run("split", seed=2), run("split", split_seed=3)
    assert first.card.dataset == other.card.dataset
    assert split.card.dataset.seed == 3
    assert split.card.dataset.split != first.card.dataset.split


def test_paths_in_train_toml_and_card_are_absolute(run, shapes, monkeypatch):
    monkeypatch.chdir(shapes.parent)
    stored = run("placed", data=shapes.name)
    assert stored.card.dataset.path == TrainOptions.load(stored.folder / "train.toml").data == str(shapes)


def test_two_trainings_under_one_name_exclude_each_other(run, monkeypatch):
    refused = []

    def train_another(path):
        with pytest.raises(BusyError) as caught:
            run("alone")
        refused.append(caught.value)

    run("alone", report=train_another)
    assert str(os.getpid()) in refused[0].what


def test_the_source_of_the_weights_is_opened_once(run, monkeypatch):
    run("opened")
    real, opened = store.open_model, []
    monkeypatch.setattr(store, "open_model", lambda name: opened.append(name) or real(name))
    monkeypatch.setattr(job, "build_backbone", lambda options, source: (None, None))
    assert TrainOptions.load(run("heir", weights="opened").folder / "train.toml").weights == "opened@1"
    assert opened == ["opened"]
