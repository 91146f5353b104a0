"""Weights and names that nothing can be trained with: exit code, what, where and remedy of each."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from homes import TINY, draw_folders, edgetl, refused

from edgetl.card import ModelCard
from edgetl.files import sha256_of
from edgetl.host.train.weights.starter import weights_file


@pytest.fixture
def photos(empty_home):
    return draw_folders(empty_home.photos, 4)


def test_weights_that_dont_fit_the_backbone(home):
    options = ["--weights", "tiny", "--backbone", "mobilenet_v1", "--alpha", "0.5", "--size", "96", "--epochs", "1"]
    done = edgetl("train", "photos", "--name", "new", *options)
    refused(done, 4, "the weights don't fit the backbone", "models/tiny/model.keras", "--backbone and --alpha")
    assert not (home.models / "new").exists()


def test_weights_file_that_isnt_there(photos):
    done = edgetl("train", photos, "--name", "new", *TINY, "--weights", "gone.h5")
    refused(done, 4, "no such weights file", "where: gone.h5", "--weights")


def test_weights_file_that_is_none(photos):
    (photos.parent / "no.h5").write_text("no weights")
    done = edgetl("train", photos, "--name", "new", *TINY, "--weights", "no.h5")
    refused(done, 4, "not a Keras weights file", "where: no.h5", ".weights.h5 or .keras")


def test_weights_that_are_nothing(photos, empty_home):
    done = edgetl("train", photos, "--name", "new", "--weights", "imagnet")
    refused(
        done,
        2,
        "--weights imagnet is neither auto, imagenet, starter, none",
        str(empty_home.models),
        "edgetl train DATA",
    )


MAIN = "from edgetl.cli import main; main()"
OFFLINE = {f"{name}_proxy": "http://127.0.0.1:9" for name in ("http", "https", "HTTP", "HTTPS")} | {"no_proxy": ""}


TRAIN_HEAD = [sys.executable, "-c", MAIN, "train", "photos", "--name", "new", "--epochs", "0", "--size", "96"]


@pytest.mark.slow
def test_no_network_for_imagenet(photos, empty_home):
    environment = os.environ | OFFLINE | {"KERAS_HOME": str(empty_home.folder / "keras")}
    command = [*TRAIN_HEAD, "--weights", "imagenet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 1, done.stderr
    assert "the ImageNet weights of mobilenet_v2 0.35 can't be downloaded: " in done.stderr
    assert "where: --weights imagenet" in done.stderr
    assert "take --weights starter (mobilenet_v2 0.35), none, or FILE" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (empty_home.models / "new").exists()


@pytest.mark.slow
def test_no_network_takes_the_starter(photos, empty_home):
    environment = os.environ | OFFLINE | {"KERAS_HOME": str(empty_home.folder / "keras")}
    done = subprocess.run(TRAIN_HEAD, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("weights: ")]
    assert len(said) == 1, done.stderr
    assert said[0].startswith(
        "weights: the starter that edgetl brings along; the ImageNet weights of mobilenet_v2 0.35"
    )
    card = ModelCard.load(empty_home.models / "new" / "card.json")
    assert (card.backbone.weights, card.backbone.weights_sha256) == ("starter", sha256_of(weights_file()))
    assert 'weights = "starter"' in (empty_home.models / "new" / "train.toml").read_text()


@pytest.mark.parametrize("wrong", [["--alpha", "0.5"], ["--backbone", "mobilenet_v1"], ["--input-range", "0..1"]])
def test_the_starter_is_one_backbone_only(photos, wrong, empty_home):
    done = edgetl("train", photos, "--name", "new", "--weights", "starter", *wrong)
    refused(done, 2, "the starter ", "mobilenet_v" if "--input-range" not in wrong else "-1..1, not 0..1", "leave out")


@pytest.mark.parametrize("name", ["starter", "Starter", "imagenet", "none", "auto"])
def test_a_model_cant_be_called_what_weights_are_called(photos, name, empty_home):
    refused(
        edgetl("train", photos, "--name", name, *TINY),
        2,
        f"`--weights {name.lower()}` means something else",
        "choose another",
    )


def test_training_under_a_bad_name(photos, empty_home):
    refused(edgetl("train", photos, "--name", "../x", *TINY), 2, "'../x' can't be a model's name", "letters, digits")
    assert sorted(path.name for path in empty_home.folder.iterdir()) == ["photos"]


def test_nothing_trained_yet(empty_home):
    for command in ("convert", "run"):
        refused(edgetl(command), 2, "no model has been trained yet", f"where: {empty_home.models}", "edgetl train")


def test_resume_without_an_unfinished_training(photos):
    done = edgetl("train", photos, "--name", "new", "--resume")
    refused(done, 2, "no unfinished training of 'new'", "train without --resume")


@pytest.mark.parametrize("option", [["--epochs", "3"], ["--flip"], ["--config", "train.toml"]])
def test_resume_with_other_options(photos, option):
    (photos.parent / "train.toml").write_text('data = "photos"\nname = "new"\n')
    done = edgetl("train", photos, "--name", "new", "--resume", *option)
    refused(done, 2, f"{option[0]} can't be given with --resume", "the options it began with")


@pytest.mark.parametrize("option", ["--size=50", "--val-fraction=0.99", "--epochs=-1", "--batch=0"])
def test_option_out_of_range(photos, option):
    done = edgetl("train", photos, "--name", "new", option)
    assert done.code == 2
    assert option.split("=")[0] in done.err


@pytest.mark.parametrize("options", [["--backbone", "resnet"], ["--backbone", "mobilenet_v1", "--alpha", "0.3"]])
def test_unknown_backbone_or_width(photos, options):
    refused(edgetl("train", photos, "--name", "new", "--weights", "none", *options), 2, "choose ", options[-1])


def test_config_that_isnt_there_or_isnt_one(photos, empty_home):
    refused(edgetl("train", photos, "--config", "gone.toml"), 2, "there is no such file", "where: gone.toml")
    (empty_home.folder / "bad.toml").write_text('data = "photos"\nname = "x"\nepoch = 3\n')
    refused(edgetl("train", photos, "--config", "bad.toml"), 2, "unknown key epoch; allowed: data, name", "bad.toml")
