"""Trainings of detectors from options to the store: results, repetition, resuming, refusals and inheritance."""

from __future__ import annotations

import csv
from dataclasses import replace

import keras
import numpy as np
import pytest
from interrupt import interrupt_at
from networks import build_small, equal, resolved_detector, weights_of

from edgetl import store
from edgetl.card import InputSpec
from edgetl.errors import ModelError, UsageError
from edgetl.host.dataset.boxes.load import load_boxed
from edgetl.host.evaluate.predict_boxes import measure
from edgetl.host.networks.stored import boxed_dataset_of, load_keras
from edgetl.host.train import job, stage
from edgetl.host.train.detector import fit
from edgetl.host.train.detector.augment import BoxAugment
from edgetl.host.train.detector.batches import AugmentedPhotos, BoxBatches, pad
from edgetl.host.train.detector.task import load
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.task import detect_task
from edgetl.host.train.weights import backbones
from edgetl.host.train.weights.source import RANDOM


def history(stored):
    with (stored.folder / "history.csv").open() as file:
        return [
            (row["stage"], int(row["epoch"]), row["loss"], row["map"], row["map50"]) for row in csv.DictReader(file)
        ]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(backbones, "build", build_small)


@pytest.mark.slow
def test_a_detector_learns_to_find_rectangles(finding, boxes_folder):
    data = boxed_dataset_of(finding.card)
    assert (len(data.train), len(data.val), len(data.test)) == (26, 8, 6)
    on_test = measure(load_keras(finding), data.test, finding.card)
    assert on_test.map50 > 0.7, "photos that nothing was chosen by"
    on_val = measure(load_keras(finding), data.val, finding.card)
    assert finding.card.metrics == {"map": round(on_val.map, 4), "map50": round(on_val.map50, 4)}
    assert finding.card.detector.thresholds == on_val.thresholds()
    assert len(set(finding.card.detector.thresholds)) > 1


def test_the_stored_model_has_its_card_files_and_figures(straight_boxes, boxes_folder):
    card = straight_boxes.card
    assert (card.task, card.labels) == ("detection", ("ace", "king", "ten"))
    assert card.input == InputSpec(96, 96, resize="letterbox")
    assert card.detector.strides == (8,)
    assert (card.dataset.train, card.dataset.val) == (26, 8)
    assert {"model.keras", "card.json", "train.toml", "history.csv"} <= {p.name for p in straight_boxes.files()}
    assert (straight_boxes.folder / "report" / "index.html").is_file()
    assert [row[:2] for row in history(straight_boxes)] == [("finetune", n) for n in (1, 2, 3)]
    model = load_keras(straight_boxes)
    logits, distances = model.predict_on_batch(np.zeros((2, 96, 96, 3), np.uint8))
    assert (logits.shape, distances.shape) == ((2, 144, 3), (2, 144, 4 * card.detector.bins))
    assert [layer.name for layer in model.layers if "color" in layer.name] == [], "augmentation is not stored"
    assert model.input.dtype == "uint8"


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_another_does_not(straight_boxes, train_boxes):
    again, other = train_boxes("again-boxes", epochs=3), train_boxes("other-boxes", epochs=3, seed=1)
    assert equal(weights_of(again), weights_of(straight_boxes))
    assert history(again) == history(straight_boxes)
    assert not equal(weights_of(other), weights_of(straight_boxes))


@pytest.mark.slow
def test_train_toml_repeats_the_training(straight_boxes, small):
    options = TrainOptions.collect(None, "repeated-boxes", {}, straight_boxes.folder / "train.toml")
    assert options.strides == (8,)
    assert equal(weights_of(job.train(options)), weights_of(straight_boxes))


@pytest.mark.slow
def test_an_interrupted_training_goes_on_exactly(straight_boxes, train_boxes, small, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_at(patch, 30)  # in the second epoch
        with pytest.raises(KeyboardInterrupt):
            train_boxes("interrupted-boxes", epochs=3)
    resumed = job.resume("interrupted-boxes")
    assert equal(weights_of(resumed), weights_of(straight_boxes))
    assert history(resumed) == history(straight_boxes)


def test_averaged_weights_are_validated_and_unaveraged_ones_continue(train_boxes, monkeypatch):
    steps, judged = [], []

    real = stage.Stage._step

    def step(self, batch):
        logs = real(self, batch)
        steps.append([np.array(v) for v in self.model.trainable_variables])
        return logs

    def noting(model, photos, card):
        judged.append([np.array(v) for v in model.trainable_variables])
        return measure(model, photos, card)

    monkeypatch.setattr(stage.Stage, "_step", step)
    monkeypatch.setattr(fit, "measure", noting)
    train_boxes("averaged-boxes", epochs=2, ema=0.9, rate=1e-2)
    average = steps[0]
    for count, now in enumerate(steps[1:], start=2):
        average = [0.9 * a + 0.1 * n for a, n in zip(average, now, strict=True)]
        if count == len(steps) // 2:
            halfway = average
    for wanted, found in ((halfway, judged[0]), (average, judged[1])):
        assert all(np.abs(a - k).max() < 1e-4 for a, k in zip(wanted, found, strict=True))
    assert max(np.abs(n - k).max() for n, k in zip(steps[-1], judged[1], strict=True)) > 1e-3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"head": 64}, "--head"),
        ({"label_smoothing": 0.0, "dropout": 0.5}, "--dropout, --label-smoothing"),
        ({"head_epochs": 3}, "--head-epochs"),
        ({"class_weights": True}, "--class-weights"),
    ],
)
def test_options_of_a_classifier_are_refused(changes, words, boxed_options, small):
    with pytest.raises(UsageError) as caught:
        job.train(replace(boxed_options, **changes))
    assert words in caught.value.what
    assert "detector" in caught.value.what


def test_options_of_a_detector_are_refused_for_class_folders(options, small):
    with pytest.raises(UsageError, match="--strides"):
        job.train(replace(options, strides=(8, 16)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": 300}, "a multiple of 32, got 300"),
        ({"strides": (64,)}, "--strides"),
        ({"strides": (12, 16)}, "--strides"),
        ({"strides": (16, 8)}, "--strides"),
        ({"strides": (0, 8)}, "--strides"),
        ({"strides": (8, 32)}, "without gaps"),
        ({"epochs": 0}, "nothing would be trained"),
    ],
)
def test_sizes_and_strides_that_no_backbone_has_are_refused(changes, words, boxed_options):
    with pytest.raises(UsageError) as caught:
        job.train(replace(boxed_options, name="refused-boxes", **changes))
    assert words in f"{caught.value.what} {caught.value.remedy}"
    assert not (store.root() / ".refused-boxes.training").exists()


def test_the_layers_before_stride_8_are_frozen_on_pretrained_weights(boxed_options):
    network = backbones.build("mobilenet_v2", 0.35, 96, 96)
    fit._freeze_and_factors(network, resolved_detector(replace(boxed_options, weights="imagenet"), 300))
    learn = [layer.name for layer in network.layers if layer.trainable and layer.weights]
    assert learn[0] == "block_3_depthwise", "the first to halve the map of stride 4"
    assert not [name for name in learn if name.endswith("BN")]
    fit._freeze_and_factors(network, resolved_detector(replace(boxed_options, weights="imagenet", freeze=0), 300))
    assert network.layers[1].trainable


def test_augmented_photos_depend_only_on_seed_epoch_and_place(boxes_folder, host_env):
    photos = load_boxed(boxes_folder, InputSpec(96, 96, resize="letterbox")).train
    first, again = (AugmentedPhotos(photos, BoxAugment(), seed=4) for _ in range(2))
    one = [BoxBatches(first, 4, epoch, 9)[5] for epoch in (0, 1)]
    BoxBatches(again, 4, 1, 9)[2]
    other = BoxBatches(again, 4, 1, 9)[5]
    assert all(np.array_equal(a, b) for a, b in zip(one[1], other, strict=True))
    assert not np.array_equal(one[0][0], one[1][0])
    assert sorted(first.order(0, 52).tolist()) == sorted([*range(26), *range(26)])
    assert one[0][0].shape == (4, 96, 96, 3)
    assert one[0][1].shape == (4, 4 * photos.most_boxes, 5)


def test_the_largest_boxes_stay_if_there_are_too_many():
    boxes = np.array([[0, 0, 0, s, s] for s in (3, 9, 5)], np.float32)
    assert pad(boxes, 2)[:, 3].tolist() == [9, 5]
    assert pad(boxes, 4)[:, 0].tolist() == [0, 0, 0, -1]


@pytest.mark.slow
def test_a_detector_can_start_from_a_classifier(train, boxed_options, small):
    classifier = train("teaching", epochs=1)
    stored = job.train(
        replace(boxed_options, name="taught", weights="teaching", backbone=None, alpha=None, epochs=1, rate=1e-9)
    )
    assert stored.card.backbone.weights == "model teaching"
    assert stored.card.backbone.name == "mobilenet_v1"
    taught = load_keras(stored).get_layer("backbone").get_layer("conv1").get_weights()
    taught_by = load_keras(classifier).get_layer("backbone").get_layer("conv1").get_weights()
    assert np.abs(taught[0] - taught_by[0]).max() < 1e-6


@pytest.mark.slow
def test_a_classifier_and_a_detector_can_start_from_a_detector(finding, train, boxed_options, small):
    wanted = load_keras(finding).get_layer("backbone").get_layer("conv_pw_1").get_weights()
    classifier = train("taught-to-tell", backbone=None, alpha=None, weights="finding", head_epochs=1, epochs=0)
    again = job.train(
        replace(boxed_options, name="taught-again", backbone=None, alpha=None, weights="finding", epochs=1, rate=1e-9)
    )
    for stored in (classifier, again):
        found = load_keras(stored).get_layer("backbone").get_layer("conv_pw_1").get_weights()
        assert np.abs(found[0] - wanted[0]).max() < 1e-6
    assert (classifier.card.input.height, again.card.input.height) == (96, 96)


@pytest.mark.slow
def test_a_classifier_cannot_start_from_an_incomplete_backbone(train, boxed_options):
    job.train(replace(boxed_options, name="cut-off", strides=(8, 16), epochs=1))
    with pytest.raises(ModelError, match="--strides 8,16: it has no more of the backbone"):
        train("uncut", backbone=None, alpha=None, weights="cut-off", head_epochs=1, epochs=0)


def test_the_task_is_detected_from_the_files(boxes_folder, shapes, boxed_options):
    assert detect_task(boxes_folder) == "detection"
    assert detect_task(shapes) == "classification"
    assert "8 to validate, 6 left aside to test with" in load(boxed_options, RANDOM, InputSpec(96, 96)).describe()


def test_keras_can_load_the_stored_model_without_edgetl_classes(straight_boxes):
    loaded = keras.saving.load_model(straight_boxes.weights, compile=False)
    assert [tuple(o.shape[1:]) for o in loaded.outputs] == [(144, 3), (144, 4 * straight_boxes.card.detector.bins)]


@pytest.mark.parametrize("task", ["classification", "detection"])
@pytest.mark.slow
def test_mixed_precision_trains_and_stores_float32(task, train, boxed_options, small, monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda kind=None: ["gpu:0"])  # as on a machine with a GPU
    used = set()
    real = stage.Stage.run

    def noting(self, *args):
        used.add(keras.config.dtype_policy().name)
        used.update(layer.compute_dtype for layer in self.model.layers)
        real(self, *args)

    monkeypatch.setattr(stage.Stage, "run", noting)
    if task == "detection":
        stored = job.train(replace(boxed_options, name="mixed-boxes", precision="mixed", batch=8))
    else:
        stored = train("mixed", precision="mixed", epochs=1)
    assert {"mixed_float16", "float16"} <= used
    with (stored.folder / "history.csv").open() as file:
        assert all(0 < float(row["loss"]) < 100 for row in csv.DictReader(file))
    model = load_keras(stored)
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    assert all(np.isfinite(array).all() for array in model.get_weights())
