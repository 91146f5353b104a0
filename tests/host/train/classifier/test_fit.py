from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from networks import equal, resolved_classifier

from edgetl.card import InputSpec
from edgetl.host.dataset.load import load_dataset
from edgetl.host.train import stage
from edgetl.host.train.checkpoint import Checkpoint
from edgetl.host.train.classifier import fit
from edgetl.host.train.classifier.network import assemble
from edgetl.host.train.weights.initial_backbone import build_backbone
from edgetl.host.train.weights.source import open_source


class Training:
    """The parts of one training, before it starts."""

    def __init__(self, options, folder, **changes):
        self.data = load_dataset(Path(options.data), InputSpec(96, 96))
        self.options = resolved_classifier(replace(options, **changes), np.bincount(self.data.train.classes).tolist())
        keras.utils.set_random_seed(self.options.seed)
        network, _ = build_backbone(self.options, open_source(self.options.weights))
        self.parts = assemble(network, len(self.data.labels), self.options)
        self.checkpoint = Checkpoint(folder)
        self.checkpoint.attach(self.parts.model)

    def head(self):
        fit.train_head(self.parts, self.data, self.options, self.checkpoint)

    def all(self):
        fit.train_all(self.parts, self.data, self.options, self.checkpoint)

    def layers(self):
        """The weights of each layer of the backbone."""
        return {layer.name: layer.get_weights() for layer in self.parts.backbone.layers if layer.weights}


@pytest.fixture
def training(options, tmp_path, small):
    return lambda **changes: Training(options, tmp_path / "run", **changes)


class Counting:
    """A network that records its inputs."""

    def __init__(self, network):
        self.network, self.seen = network, []

    def predict_on_batch(self, x):
        self.seen.append(np.array(x))
        return self.network.predict_on_batch(x)


@pytest.mark.parametrize(("flip", "augment", "times"), [(True, 1.0, 2), (False, 1.0, 1), (True, 0.0, 1)])
def test_the_head_stage_runs_the_backbone_once_a_photo(training, flip, augment, times):
    run = training(head_epochs=4, flip=flip, augment=augment)
    counting = Counting(run.parts.features)
    before, whole = run.layers(), run.parts
    run.parts = replace(whole, features=counting, model=None, learner=None, backbone=None)  # nothing else runs it
    run.head()
    run.parts = whole
    seen = np.concatenate(counting.seen)
    train, val = run.data.train.batch(slice(None)), run.data.val.batch(slice(None))
    wanted = [train, val, train[:, :, ::-1]] if times == 2 else [train, val]
    np.testing.assert_array_equal(seen, np.concatenate(wanted))
    assert len(run.checkpoint.state.rows) == 4
    assert all("val_accuracy" in row for row in run.checkpoint.state.rows)
    assert all(equal(before[name], after) for name, after in run.layers().items())


def test_only_the_end_of_the_head_stage_can_be_validated(training):
    run = training(head_epochs=3)
    fit.train_head(run.parts, run.data, run.options, run.checkpoint, only_last=True)
    assert ["val_accuracy" in row for row in run.checkpoint.state.rows] == [False, False, True]


def test_features_keep_the_photos_order(training):
    run = training()
    x = fit.compute_features(run.parts.features, run.data.train, 7)
    one = run.parts.features.predict_on_batch(run.data.train.batch(slice(20, 21)))
    np.testing.assert_allclose(x[20:21], one, atol=1e-5)
    assert x.shape == (len(run.data.train), 16)


@pytest.mark.parametrize("batch_norm", ["frozen", "train"])
def test_frozen_batch_normalization_keeps_statistics_and_scales(training, batch_norm):
    run = training(batch_norm=batch_norm, rate=0.01)
    before = run.layers()
    run.all()
    after = run.layers()
    for name in ("conv1_bn", "conv_dw_1_bn", "conv_pw_1_bn"):
        same = [np.array_equal(a, b) for a, b in zip(before[name], after[name], strict=True)]
        assert same == [batch_norm == "frozen"] * 4, name
    assert not any(equal(before[name], after[name]) for name in ("conv1", "conv_dw_1", "conv_pw_1"))


def test_frozen_layers_stay_bit_equal(training):
    run = training(freeze=5, rate=0.01)
    before = run.layers()
    run.all()
    after = run.layers()
    learnt = [name for name in before if not equal(before[name], after[name])]
    assert learnt == ["conv_dw_1_bn", "conv_pw_1", "conv_pw_1_bn"]


def test_layer_decay_reaches_the_backbone(training):
    """The first layer moves much less than with equal rates; the head as much."""

    def moved(decay):
        run = training(layer_decay=decay, rate=0.02, optimizer="sgd", augment=0.0, epochs=1, dropout=0.0)
        before, head = run.layers(), run.parts.head.get_weights()
        run.all()
        after = run.layers()
        first = np.abs(after["conv1"][0] - before["conv1"][0]).mean()
        return first, np.abs(run.parts.head.get_weights()[0] - head[0]).mean()

    equal_rates, decayed = moved(1.0), moved(0.1)
    assert decayed[0] == pytest.approx(0.1 * equal_rates[0], rel=0.3)
    assert decayed[1] == pytest.approx(equal_rates[1], rel=0.3)


@pytest.fixture
def batches(monkeypatch):
    """Every epoch's batches, as they are made."""
    made = []

    class Noted(fit.Batches):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr(fit, "Batches", Noted)
    return made


@pytest.mark.parametrize("wanted", [True, False])
def test_class_weights_are_inverse_to_the_square_root_of_the_counts(training, batches, wanted):
    run = training(class_weights=wanted, head_epochs=1)
    rows = np.concatenate([np.flatnonzero(run.data.train.classes == c)[:n] for c, n in ((0, 4), (1, 8), (2, 12))])
    few = replace(run.data.train, rows=run.data.train.rows[rows], classes=run.data.train.classes[rows])
    run.data = replace(run.data, train=few)
    run.head()
    assert batches
    for batch in batches:
        truth = batch.targets.argmax(axis=1)
        weights = [float(batch.weights[truth == c].mean()) for c in range(3)]
        assert weights == (pytest.approx([1.447, 1.023, 0.836], abs=1e-3) if wanted else [1, 1, 1])
        assert batch.weights.mean() == pytest.approx(1)


def test_an_epoch_shows_each_photo_once_and_each_epoch_in_another_order(training, batches):
    run = training(epochs=3, batch=13)
    assert len(run.data.train) == 39
    run.all()
    orders = [[row for i in range(len(b)) for row in b[i][0].reshape(13, -1)[:, :30].tolist()] for b in batches]
    assert len(orders) == 3
    assert len({tuple(row) for row in orders[0]}) == 39
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(orders[2])
    assert orders[0] != orders[1] != orders[2]


@pytest.mark.parametrize(("batch", "steps"), [(16, 2), (39, 1), (200, 1), (1, 39)])
def test_a_small_data_set_has_at_least_one_batch(batch, steps):
    made = fit.Batches(lambda rows: rows, np.eye(39), np.ones(39), batch, np.arange(39))
    assert len(made) == steps
    assert all(len(made[i][0]) == min(batch, 39) for i in range(steps))


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_labels_are_smoothed_in_the_loss(training, smoothing):
    """The first step's loss is that of the weights before it."""
    run = training(label_smoothing=smoothing, batch=64, epochs=1, augment=0.0, dropout=0.0, batch_norm="frozen")
    scores = fit.predict(run.parts.model, run.data.train)
    run.all()
    target = np.eye(3)[run.data.train.classes] * (1 - smoothing) + smoothing / 3
    wanted = -(target * np.log(scores)).sum(axis=1).mean()
    assert run.checkpoint.state.rows[0]["loss"] == pytest.approx(wanted, abs=2e-4)


def test_the_averaged_weights_are_validated_and_stored(training, monkeypatch):
    steps = []

    real = stage.Stage._step

    def step(self, batch):
        logs = real(self, batch)
        steps.append([np.array(v) for v in self.model.trainable_variables])
        return logs

    monkeypatch.setattr(stage.Stage, "_step", step)
    run = training(epochs=1, rate=0.02, batch=6, ema=0.9, batch_norm="frozen")
    judged = []
    monkeypatch.setattr(fit, "predict", lambda model, photos: judged.append(model.get_weights()) or scores(0.5))
    run.all()
    assert len(steps) == 6
    momentum = 1 - 1 / 6  # an average over an epoch, where 0.9 would be longer
    average = steps[0]
    for now in steps[1:]:
        average = [momentum * a + (1 - momentum) * n for a, n in zip(average, now, strict=True)]
    kept = [np.array(v) for v in run.parts.learner.trainable_variables]
    assert all(np.abs(a - k).max() < 1e-5 for a, k in zip(average, kept, strict=True))
    assert max(np.abs(n - k).max() for n, k in zip(steps[-1], kept, strict=True)) > 1e-4
    assert equal(judged[0], run.parts.model.get_weights())


def test_ema_of_zero_turns_averaging_off(training, monkeypatch):
    run = training(epochs=1, ema=0.0)
    run.all()
    assert not run.parts.learner.optimizer.use_ema


def scores(accuracy, loss=1.0, truth=None):
    """Scores, (9, 3), with a share of right ones, for three validation photos of each class."""
    truth = np.repeat(np.arange(3), 3) if truth is None else truth
    right = round(accuracy * len(truth))
    predicted = np.where(np.arange(len(truth)) < right, truth, (truth + 1) % 3)
    return (np.eye(3)[predicted] * 0.9 * loss + 0.03).astype(np.float32)


def scripted(monkeypatch, run, results):
    """Replaces the validation's scores; returns the list of the weights that were validated, epoch by epoch."""
    seen = []

    def predict(model, photos):
        seen.append(model.get_weights())
        return results[len(seen) - 1]

    monkeypatch.setattr(fit, "predict", predict)
    return seen


def test_patience_ends_the_stage_and_keeps_the_best_epoch(training, monkeypatch):
    run = training(epochs=9, patience=2, rate=0.01)
    truth = run.data.val.classes
    results = [scores(a, truth=truth) for a in (0.3, 0.7, 0.5, 0.6, 1.0, 1.0)]
    seen = scripted(monkeypatch, run, results)
    run.all()
    state = run.checkpoint.state
    assert [row["val_accuracy"] for row in state.rows] == pytest.approx([0.333, 0.667, 0.444, 0.556], abs=1e-3)
    assert state.best_epoch == 2
    assert equal(run.parts.model.get_weights(), seen[1])
    assert not equal(seen[1], seen[3])


def test_without_patience_every_epoch_runs(training, monkeypatch):
    run = training(epochs=5, patience=0)
    scripted(monkeypatch, run, [scores(0.9 - 0.1 * i, truth=run.data.val.classes) for i in range(5)])
    run.all()
    assert len(run.checkpoint.state.rows) == 5
    assert run.checkpoint.state.best_epoch == 1


def test_of_equally_accurate_epochs_the_one_with_the_higher_likelihood_is_stored(training, monkeypatch):
    run = training(epochs=3)
    truth = run.data.val.classes
    seen = scripted(monkeypatch, run, [scores(1.0, 0.6, truth), scores(1.0, 1.0, truth), scores(1.0, 0.8, truth)])
    run.all()
    assert run.checkpoint.state.best_epoch == 2
    assert equal(run.parts.model.get_weights(), seen[1])


def test_epochs_of_zero_leave_a_stage_out(training):
    run = training(head_epochs=0, epochs=0)
    before = run.parts.model.get_weights()
    run.head()
    run.all()
    assert equal(before, run.parts.model.get_weights())
    assert not run.checkpoint.state.rows
