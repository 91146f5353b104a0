"""Unusable weights and names of models are refused with exit code, what, where and remedy."""

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


def test_weights_that_dont_fit_the_backbone_are_refused(home):
    options = ["--weights", "tiny", "--backbone", "mobilenet_v1", "--alpha", "0.5", "--size", "96", "--epochs", "1"]
    done = edgetl("train", "photos", "--name", "new", *options)
    refused(done, 4, "the weights don't fit the backbone", "models/tiny/model.keras", "--backbone and --alpha")
    assert not (home.models / "new").exists()


def test_a_missing_weights_file_is_refused(photos):
    done = edgetl("train", photos, "--name", "new", *TINY, "--weights", "gone.h5")
    refused(done, 4, "no such weights file", "where: gone.h5", "--weights")


def test_a_file_without_weights_is_refused(photos):
    (photos.parent / "no.h5").write_text("no weights")
    done = edgetl("train", photos, "--name", "new", *TINY, "--weights", "no.h5")
    refused(done, 4, "not a Keras weights file", "where: no.h5", ".weights.h5 or .keras")


def test_weights_of_an_unknown_name_are_refused(photos, empty_home):
    done = edgetl("train", photos, "--name", "new", "--weights", "imagnet")
    refused(
        done,
        2,
        "--weights imagnet is neither auto, best, imagenet, starter, none",
        str(empty_home.models),
        "edgetl train DATA",
    )


MAIN = "from edgetl.cli import main; main()"
OFFLINE = {f"{name}_proxy": "http://127.0.0.1:9" for name in ("http", "https", "HTTP", "HTTPS")} | {"no_proxy": ""}


TRAIN_HEAD = [sys.executable, "-c", MAIN, "train", "photos", "--name", "new", "--epochs", "0", "--size", "96"]


@pytest.mark.slow
def test_a_failed_download_of_weights_is_reported(photos, empty_home):
    environment = os.environ | OFFLINE | {"KERAS_HOME": str(empty_home.folder / "keras")}
    command = [*TRAIN_HEAD, "--weights", "imagenet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 1, done.stderr
    assert "the ImageNet weights of mobilenet_v2 0.35 can't be downloaded: " in done.stderr
    assert "where: --weights imagenet" in done.stderr
    assert "give --weights starter (mobilenet_v2 0.35), none, or a FILE" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (empty_home.models / "new").exists()


@pytest.mark.slow
def test_without_a_network_training_uses_the_starter(photos, empty_home):
    environment = os.environ | OFFLINE | {"KERAS_HOME": str(empty_home.folder / "keras")}
    done = subprocess.run(TRAIN_HEAD, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("weights: ")]
    assert len(said) == 1, done.stderr
    assert said[0].startswith("weights: the starter that comes with edgetl; the ImageNet weights of mobilenet_v2 0.35")
    card = ModelCard.load(empty_home.models / "new" / "card.json")
    assert (card.backbone.weights, card.backbone.weights_sha256) == ("starter", sha256_of(weights_file()))
    assert 'weights = "starter"' in (empty_home.models / "new" / "train.toml").read_text()


@pytest.mark.parametrize("wrong", [["--alpha", "0.5"], ["--backbone", "mobilenet_v1"], ["--input-range", "0..1"]])
def test_the_starter_with_another_backbone_is_refused(photos, wrong, empty_home):
    done = edgetl("train", photos, "--name", "new", "--weights", "starter", *wrong)
    refused(done, 2, "the starter ", "mobilenet_v" if "--input-range" not in wrong else "-1..1, not 0..1", "leave out")


@pytest.mark.parametrize("name", ["starter", "Starter", "imagenet", "none", "auto"])
def test_a_model_named_like_weights_is_refused(photos, name, empty_home):
    refused(
        edgetl("train", photos, "--name", name, *TINY),
        2,
        f"`--weights {name.lower()}` means something else",
        "choose another",
    )


def test_a_bad_model_name_is_refused(photos, empty_home):
    refused(edgetl("train", photos, "--name", "../x", *TINY), 2, "'../x' can't be a model's name", "letters, digits")
    assert sorted(path.name for path in empty_home.folder.iterdir()) == ["photos"]


def test_a_store_without_models_asks_for_a_training(empty_home):
    for command in ("convert", "run"):
        refused(edgetl(command), 2, "no model has been trained yet", f"where: {empty_home.models}", "edgetl train")


def test_resume_without_an_unfinished_training_is_refused(photos):
    done = edgetl("train", photos, "--name", "new", "--resume")
    refused(done, 2, "no unfinished training of 'new'", "train without --resume")


@pytest.mark.parametrize("option", [["--epochs", "3"], ["--flip"], ["--config", "train.toml"]])
def test_resume_with_other_options_is_refused(photos, option):
    (photos.parent / "train.toml").write_text('data = "photos"\nname = "new"\n')
    done = edgetl("train", photos, "--name", "new", "--resume", *option)
    refused(done, 2, f"{option[0]} can't be given with --resume", "the options it began with")


@pytest.mark.parametrize("option", ["--size=50", "--val-fraction=0.99", "--epochs=-1", "--batch=0"])
def test_an_option_out_of_range_is_refused(photos, option):
    done = edgetl("train", photos, "--name", "new", option)
    assert done.code == 2
    assert option.split("=")[0] in done.err


@pytest.mark.parametrize("options", [["--backbone", "resnet"], ["--backbone", "mobilenet_v1", "--alpha", "0.3"]])
def test_an_unknown_backbone_or_width_is_refused(photos, options):
    refused(edgetl("train", photos, "--name", "new", "--weights", "none", *options), 2, "choose ", options[-1])


def test_a_missing_or_invalid_config_is_refused(photos, empty_home):
    refused(edgetl("train", photos, "--config", "gone.toml"), 2, "there is no such file", "where: gone.toml")
    (empty_home.folder / "bad.toml").write_text('data = "photos"\nname = "x"\nepoch = 3\n')
    refused(edgetl("train", photos, "--config", "bad.toml"), 2, "unknown key epoch; allowed: data, name", "bad.toml")
