from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from interrupt import interrupt_at
from networks import equal, resolved_classifier, weights_of

from edgetl import store
from edgetl.errors import DatasetError, EdgetlError, ModelError, UsageError
from edgetl.host.networks.stored import dataset_of, load_keras, predict
from edgetl.host.train import job, stage
from edgetl.host.train.classifier import fit, task
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.weights import backbones
from edgetl.host.train.weights.source import RANDOM


def history(stored):
    with (stored.folder / "history.csv").open() as file:
        return [(row["stage"], int(row["epoch"]), row["loss"], row["val_loss"]) for row in csv.DictReader(file)]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_another_does_not(straight, train, small):
    again, other = train("again", epochs=3), train("other", epochs=3, seed=1)
    assert equal(weights_of(again), weights_of(straight))
    assert history(again) == history(straight)
    assert not equal(weights_of(other), weights_of(straight))
    means = load_keras(straight).get_layer("backbone").get_layer("conv1_bn").moving_mean
    assert np.abs(np.asarray(means)).max() > 0, "the second stage bettered nothing, and proves little"


@pytest.mark.slow
def test_train_toml_repeats_the_training(straight, small):
    options = TrainOptions.collect(None, "repeated", {}, straight.folder / "train.toml")
    assert equal(weights_of(job.train(options)), weights_of(straight))


def test_the_stored_model_has_its_card_files_and_figures(straight, options):
    card = straight.card
    assert (card.labels, card.backbone.name, card.backbone.alpha) == (
        ("circle", "square", "stripes"),
        "mobilenet_v1",
        0.25,
    )
    assert (card.backbone.weights, card.input.height, card.dataset.train, card.dataset.val) == ("none", 96, 39, 9)
    assert [row[:2] for row in history(straight)] == [("head", 1), ("head", 2), *(("finetune", n) for n in (1, 2, 3))]
    assert {"model.keras", "card.json", "train.toml", "history.csv"} <= {path.name for path in straight.files()}
    assert (straight.folder / "report" / "index.html").is_file()
    assert not list(store.root().glob(".straight*")), "nothing is left of the work"
    assert not (straight.folder / "checkpoint.npz").exists()
    model = load_keras(straight)
    val = dataset_of(card).val
    scores = predict(model, val)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert card.metrics["top1"] == pytest.approx((scores.argmax(axis=1) == val.classes).mean(), abs=1e-4)
    assert model.input_shape == (None, 96, 96, 3)
    assert model.inputs[0].dtype == "uint8"


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("in-the-second-epoch", 3),
        pytest.param("in-the-first-epoch", 1, marks=pytest.mark.slow),
        pytest.param("in-the-third-epoch", 6, marks=pytest.mark.slow),
    ],
)
def test_a_training_interrupted_in_an_epoch_continues_exactly(name, step, straight, train, small, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_at(patch, step)
        with pytest.raises(KeyboardInterrupt):
            train(name, epochs=3)
    assert not (store.root() / name).exists()
    resumed = job.resume(name)
    assert equal(weights_of(resumed), weights_of(straight))
    assert history(resumed) == history(straight)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("between-the-stages", (fit, "train_all")),
        pytest.param("before-storing", (job, "_store"), marks=pytest.mark.slow),
        ("while-storing", (store, "add_version")),
    ],
)
def test_a_training_interrupted_between_stages_continues_exactly(name, where, straight, train, small, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*where, interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(name, epochs=3)
    resumed = job.resume(name)
    assert equal(weights_of(resumed), weights_of(straight))
    assert history(resumed) == history(straight)


@pytest.mark.slow
def test_an_unfinished_training_is_discarded_only_with_restart(straight, options, small, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_at(patch, 3)
        with pytest.raises(KeyboardInterrupt) as ended:
            job.train(replace(options, name="over", epochs=3, seed=7))
    assert "--resume" in "".join(ended.value.__notes__)
    with pytest.raises(job.UnfinishedError) as caught:
        job.train(replace(options, name="over", epochs=3))
    assert caught.value.exit_code == 2
    assert all(option in caught.value.remedy for option in ("--resume", "--restart"))
    again = job.train(replace(options, name="over", epochs=3), restart=True)
    assert equal(weights_of(again), weights_of(straight))


def test_an_interruption_without_a_checkpoint_does_not_mention_resume(options, small, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_at(patch, 1)
        with pytest.raises(KeyboardInterrupt) as ended:
            job.train(replace(options, name="early", head_epochs=0))
    assert not hasattr(ended.value, "__notes__")


def test_an_interrupted_training_leaves_the_earlier_model_unchanged(train, small, monkeypatch):
    before = weights_of(train("kept", epochs=1, head_epochs=0))
    with monkeypatch.context() as patch:
        interrupt_at(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            train("kept", epochs=1, seed=3, head_epochs=0)
    assert equal(weights_of(store.open_model("kept")), before)


def test_resume_without_an_unfinished_training_is_refused(host_env):
    with pytest.raises(UsageError, match="no unfinished training of 'nothing'"):
        job.resume("nothing")


@pytest.fixture
def interrupted(train, small, monkeypatch):
    """The work folder of a training that was interrupted."""
    job.discard_unfinished("broken-off")
    with monkeypatch.context() as patch:
        interrupt_at(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            train("broken-off", epochs=2, head_epochs=0)
    return store.root() / ".broken-off.training"


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"nonsense" * 9])
def test_a_damaged_checkpoint_is_refused_with_a_remedy(damage, interrupted, train):
    file = interrupted / "checkpoint.npz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(EdgetlError, match="checkpoint can't be read") as caught:
        job.resume("broken-off")
    assert "--resume" in caught.value.remedy


def test_photos_that_changed_since_the_interruption_are_refused(interrupted, train, shapes):
    added = shapes / "triangle"
    added.mkdir()
    try:
        for i in range(4):
            photo = next((shapes / "circle").glob(f"{i:02}.png")).read_bytes()
            (added / f"{i}.png").write_bytes(photo)
        (shapes / "circle" / "00.png").rename(added / "moved.png")
        with pytest.raises(DatasetError):
            job.resume("broken-off")
    finally:
        (added / "moved.png").rename(shapes / "circle" / "00.png")
        for path in added.iterdir():
            path.unlink()
        added.rmdir()


def test_resume_takes_the_new_folder_of_moved_photos(interrupted, shapes, tmp_path):
    moved = shutil.copytree(shapes, tmp_path / "moved")
    assert job.resume("broken-off", str(moved)).card.dataset.path == str(moved)


def test_resume_refuses_other_photos(interrupted, shapes, tmp_path):
    other = shutil.copytree(shapes, tmp_path / "other")
    (other / "circle" / "00.png").unlink()
    with pytest.raises(DatasetError, match="changed since this training began"):
        job.resume("broken-off", str(other))


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"backbone": "resnet"}, UsageError),
        ({"alpha": 0.3}, UsageError),
        ({"alpha": 0.0}, UsageError),
        ({"weights": "gone.h5"}, ModelError),
        ({"weights": "nobody"}, UsageError),
        ({"weights": "none", "head_epochs": None, "epochs": 0}, UsageError),
        ({"weights": "imagenet", "head_epochs": 0, "epochs": 0}, UsageError),
    ],
)
def test_wrong_options_are_refused_before_the_photos_are_read(wrong, kind, train, monkeypatch):
    monkeypatch.setattr(task, "load_dataset", lambda *_, **__: pytest.fail("the photos were read"))
    with pytest.raises(kind):
        train("refused", **wrong)


def test_unreadable_files_are_listed_up_to_ten(train, small, shapes, tmp_path, capsys):
    data = shutil.copytree(shapes, tmp_path / "data")
    for number in range(12):
        (data / "circle" / f"broken[{number:02}].jpg").write_bytes(b"no photo")
    train("unnamed", data=str(data), epochs=0, head_epochs=1)
    said = capsys.readouterr().err
    assert all(f"broken[{number:02}].jpg" in said for number in range(10))
    assert "broken[10]" not in said
    assert "and 2 more" in said


def test_without_a_second_stage_the_backbone_is_unchanged(train, small, options):
    from edgetl.host.train.weights.initial_backbone import build_backbone

    stored = train("head-only", epochs=0, head_epochs=3)
    assert {row[0] for row in history(stored)} == {"head"}
    keras.utils.set_random_seed(0)
    untouched, _ = build_backbone(resolved_classifier(options), RANDOM)
    backbone = load_keras(stored).get_layer("backbone")
    assert equal(backbone.get_weights(), untouched.get_weights())


def test_a_training_inherits_the_network_of_a_stored_model(straight, train, small):
    """Its backbone's name, width, input and weights, where nothing else is said."""
    again = train("heir", weights="straight", backbone=None, alpha=None, size=None, head_epochs=1, epochs=0)
    assert (again.card.backbone.name, again.card.backbone.alpha, again.card.input.height) == ("mobilenet_v1", 0.25, 96)
    assert again.card.backbone.weights == "model straight"
    assert TrainOptions.load(again.folder / "train.toml").weights == "straight@1"
    assert len(again.card.backbone.weights_sha256) == 64
    inherited, own = (load_keras(s).get_layer("backbone").get_weights() for s in (straight, again))
    assert equal(inherited, own)


@pytest.mark.parametrize(
    ("weights", "kind"), [("nobody", UsageError), ("nowhere.h5", ModelError), ("no/such.keras", ModelError)]
)
def test_missing_weights_are_refused(weights, kind, train, small):
    with pytest.raises(kind) as caught:
        train("weightless", weights=weights)
    assert "--weights" in str(caught.value)


@pytest.mark.slow
def test_the_textbook_recipe_trains_the_layers_it_names(train):
    """`--freeze 20 --head 1024 --optimizer adam`: the first twenty layers still, a hidden layer, Adam on the rest."""
    noted = {}
    real = stage.Stage.compile

    def compiled(self, *args, **options):
        real(self, *args, **options)
        noted[self.name] = self.model.optimizer, [layer.trainable for layer in noted_backbone(self.model).layers]

    def noted_backbone(model):
        return next((layer for layer in model.layers if layer.name == "backbone"), model)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage.Stage, "compile", compiled)
        recipe = {"freeze": 20, "head": 1024, "epochs": 1, "head_epochs": 0, "optimizer": "adam"}
        stored = train("textbook", **recipe)
    optimizer, trainable = noted["finetune"]
    assert isinstance(optimizer, keras.optimizers.Adam)
    assert not isinstance(optimizer, keras.optimizers.AdamW)
    backbone = load_keras(stored).get_layer("backbone")
    assert trainable == [depth >= 20 for depth in range(len(backbone.layers))]
    head = load_keras(stored).get_layer("head")
    kinds = [(type(layer).__name__, getattr(layer, "units", None)) for layer in head.layers]
    assert kinds == [("Dense", 1024), ("Dropout", None), ("Dense", 3)]
    assert head.layers[0].activation is keras.activations.relu
    assert head.layers[-1].activation is keras.activations.softmax
    keras.utils.set_random_seed(0)
    untouched = backbones.build("mobilenet_v1", 0.25, 96, 96)
    pairs = list(zip(untouched.layers, backbone.layers, strict=True))
    assert all(equal(a.get_weights(), b.get_weights()) for a, b in pairs[:20])
    still = [a.name for a, b in pairs[20:] if a.weights and equal(a.get_weights(), b.get_weights())]
    assert still == []
    assert TrainOptions.load(stored.folder / "train.toml").freeze == 20


def test_training_imports_no_backend_of_keras():
    """Training is plain Keras: whichever backend the user chose."""
    for file in Path(job.__file__).parent.rglob("*.py"):
        for line in file.read_text().splitlines():
            words = line.split()
            if words[:1] in (["import"], ["from"]):
                assert not words[1].startswith(("tensorflow", "jax", "torch", "ai_edge_litert")), f"{file.name}: {line}"
