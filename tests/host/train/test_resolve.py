"""The options of a training are resolved from what the user states, the weights and the data set."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest
from networks import resolved_classifier, resolved_detector

from edgetl.host.train.options import TrainOptions
from edgetl.host.train.resolve import check_options, classifier_epochs, detector_epochs, detector_steps
from edgetl.host.train.weights.source import open_source


@pytest.mark.parametrize("resolved", [resolved_classifier, resolved_detector])
@pytest.mark.parametrize("weights", ["imagenet", "starter", "none"])
def test_resolved_options_have_no_none_and_resolve_to_themselves(resolved, weights):
    options = resolved(TrainOptions(data="photos", name="parts", weights=weights))
    assert None not in dataclasses.asdict(options).values()
    assert resolved(options.to_train_options()) == options


@pytest.mark.parametrize(("epochs", "head_epochs"), [(0, None), (0, 1), (1, 0), (None, 0)])
def test_epochs_in_one_stage_are_enough(epochs, head_epochs, options):
    check_options(replace(options, epochs=epochs, head_epochs=head_epochs), open_source("imagenet"))


def test_random_weights_have_no_head_stage_and_learn_everywhere(options):
    blank = TrainOptions(data="x", name="x", weights="none")
    found = resolved_classifier(blank, [500, 500])
    assert (found.head_epochs, found.layer_decay, found.batch_norm) == (0, 1.0, "train")
    assert (found.backbone, found.alpha, found.epochs) == ("mobilenet_v2", 0.35, 60)
    taught = resolved_classifier(replace(blank, weights="imagenet"), [500, 500])
    assert (taught.batch_norm, taught.head_epochs > 0, taught.layer_decay < 1) == ("frozen", True, True)
    assert taught.rate < found.rate
    given = resolved_classifier(
        replace(blank, head_epochs=3, layer_decay=0.5, batch_norm="frozen", rate=0.1, epochs=0), [500, 500]
    )
    assert (given.head_epochs, given.layer_decay, given.batch_norm, given.rate, given.epochs) == (
        3,
        0.5,
        "frozen",
        0.1,
        0,
    )


def test_more_photos_need_fewer_epochs():
    found = [classifier_epochs(n) for n in (10, 1000, 5000, 10**6)]
    assert found == [60, 60, 16, 10]


def test_defaults_of_a_detector_depend_on_the_weights(boxed_options):
    left = replace(boxed_options, epochs=None, batch=None, strides=None, patience=None)
    random = resolved_detector(left, 300)
    starter = resolved_detector(replace(left, weights="starter"), 300)
    assert (random.strides, random.batch, random.epochs) == ((8, 16, 32), 16, 75)
    assert (random.batch_norm, starter.batch_norm) == ("train", "train")
    imagenet = resolved_detector(replace(left, weights="imagenet"), 300)
    assert (imagenet.batch_norm, imagenet.rate, imagenet.patience) == ("frozen", 2e-3, 25)
    assert resolved_detector(replace(left, epochs=7, batch=3, rate=1e-4), 300).epochs == 7


def test_few_photos_get_at_least_1500_steps():
    steps = [detector_epochs(n, 16) * detector_steps(n, 16) for n in (5, 60, 320, 1000, 10_000)]
    assert steps[:3] == [1500, 1500, 1500]
    assert steps == sorted(steps)
    assert detector_epochs(10_000, 16) == 12
