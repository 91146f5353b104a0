"""The weights that `auto` takes, and the quality of the starter."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from networks import resolved_classifier

from edgetl.card import InputSpec
from edgetl.errors import EdgetlError, ModelError
from edgetl.files import sha256_of
from edgetl.host.dataset.load import load_dataset
from edgetl.host.demo.draw import draw_photos
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.resolve import check_options
from edgetl.host.train.weights import backbones, starter
from edgetl.host.train.weights.auto import replace_auto
from edgetl.host.train.weights.initial_backbone import build_backbone
from edgetl.host.train.weights.read import load_backbone_weights
from edgetl.host.train.weights.source import open_source
from edgetl.host.train.weights.starter import weights_file

AUTO = TrainOptions(data="x", name="x")


def chosen(options=AUTO):
    """The source that a training takes its weights from."""
    return replace_auto(open_source(options.weights), options, 224)


@pytest.fixture
def download(monkeypatch, tmp_path):
    """Makes Keras's download end in an error, or well; nothing of earlier downloads is known."""
    monkeypatch.setenv("EDGETL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))

    def ends(error: Exception | None) -> None:
        def make(*, weights, **_):
            assert weights == "imagenet"
            assert socket.getdefaulttimeout() is not None
            if error:
                raise error

        monkeypatch.setattr(keras.applications, "MobileNetV2", make)
        monkeypatch.setattr(keras.applications, "MobileNet", make)

    return ends


def test_auto_takes_imagenet_if_keras_has_it(download, capsys):
    download(None)
    assert chosen() == open_source("imagenet")
    assert "weights: ImageNet's" in capsys.readouterr().err
    assert socket.getdefaulttimeout() is None


def test_auto_takes_the_starter_and_prints_why_if_the_download_fails(download, capsys):
    download(Exception("URL fetch failure on https://host/file.h5: None -- no route to host\nmore"))
    assert chosen() == open_source("starter")
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith("weights: the starter that comes with edgetl; ")
    assert said.endswith("of mobilenet_v2 0.35 can't be downloaded: no route to host")
    assert socket.getdefaulttimeout() is None


def test_a_failed_download_is_retried_after_a_day_or_after_a_new_file(download, tmp_path, capsys):
    offline = Exception("URL fetch failure on https://host/file.h5: None -- no route to host")
    download(offline)
    chosen()
    download(None)
    assert chosen().kind == "starter", "it isn't tried"
    assert "--weights imagenet" in capsys.readouterr().err
    noted = tmp_path / "cache" / "imagenet-not-downloaded"
    os.utime(noted, (time.time() - 25 * 3600,) * 2)
    assert chosen().kind == "imagenet"
    os.utime(noted)
    (tmp_path / "keras" / "models").mkdir(parents=True)
    os.utime(noted, (time.time() - 60,) * 2)
    (tmp_path / "keras" / "models" / "weights.h5").touch()
    assert chosen().kind == "imagenet"


def test_auto_refuses_another_backbone_if_the_download_fails(download):
    download(Exception("URL fetch failure on https://host/file.h5: None -- no route to host"))
    with pytest.raises(EdgetlError, match=r"ImageNet weights of mobilenet_v1 0\.25 .* no route") as caught:
        chosen(replace(AUTO, backbone="mobilenet_v1"))
    assert caught.value.where == "--weights auto"
    assert "leave out --backbone and --alpha to begin from the starter" in caught.value.remedy


def test_the_starter_is_trained_more_freely_than_imagenet():
    starter, imagenet = (resolved_classifier(replace(AUTO, weights=w), [500, 500]) for w in ("starter", "imagenet"))
    assert (starter.batch_norm, starter.layer_decay, starter.head_epochs) == ("train", 1.0, 40)
    assert (imagenet.batch_norm, imagenet.head_epochs) == ("frozen", 40)
    assert starter.rate > imagenet.rate


@pytest.mark.parametrize("weights", ["imagenet", "starter", "none", "some.h5"])
def test_weights_other_than_auto_are_not_replaced(weights, download):
    download(AssertionError("asked for"))
    source = open_source(weights)
    assert replace_auto(source, AUTO, 224) is source


BUILD = """
from edgetl.errors import EdgetlError, ModelError
from edgetl.host.train.weights import backbones
backbones._TIMEOUT = 0.5
try:
    backbones.build("mobilenet_v2", 0.35, 96, 96, imagenet=True)
except EdgetlError as error:
    print(type(error).__name__, error)
"""


def build_imagenet(home, proxy):
    environment = os.environ | {"KERAS_HOME": str(home), "https_proxy": proxy, "no_proxy": ""}
    done = subprocess.run([sys.executable, "-c", BUILD], capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_silent_server_is_abandoned_after_the_timeout(tmp_path):
    """Keras would wait for it without end."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = build_imagenet(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert said.startswith("DownloadError the ImageNet weights of mobilenet_v2 0.35 can't be downloaded: ")
    assert "timed out" in said


@pytest.mark.slow
def test_a_damaged_file_in_keras_cache_is_not_taken_for_a_missing_network(tmp_path):
    """What a killed download or a hotel's login page left there would have the starter taken for ever."""
    (tmp_path / "models").mkdir()
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5"
    (tmp_path / "models" / name).write_bytes(b"<html>")
    said = build_imagenet(tmp_path, "http://127.0.0.1:9")
    assert said.startswith("EdgetlError the ImageNet weights of mobilenet_v2 0.35 can't be read: ")
    assert "delete what Keras cached" in said


def test_the_starter_is_small_and_has_all_weights():
    assert weights_file().stat().st_size <= 1_200_000
    kinds = set()
    with h5py.File(weights_file()) as file:
        file.visititems(lambda _, item: kinds.add(item.dtype) if isinstance(item, h5py.Dataset) else None)
    assert kinds == {np.dtype(np.float16)}
    backbone = backbones.build("mobilenet_v2", 0.35, 96, 96)
    untouched = backbone.get_weights()
    load_backbone_weights(backbone, weights_file())
    loaded = backbone.get_weights()
    assert len(loaded) == 260
    assert all(np.isfinite(array).all() for array in loaded)
    assert not any(np.array_equal(a, b) for a, b in zip(loaded, untouched, strict=True))


def test_missing_starter_weights_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(starter.edgetl, "__file__", str(tmp_path / "edgetl" / "__init__.py"))
    with pytest.raises(ModelError, match="starter's weights are missing") as caught:
        check_options(AUTO, open_source("starter"))
    assert caught.value.remedy == "install edgetl again"


def test_the_checksum_in_the_starters_page_is_that_of_its_file():
    card = (Path(__file__).parents[4] / "models" / "starter" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"[0-9a-f]{64}", card) == [sha256_of(weights_file())]


@pytest.mark.slow
def test_a_linear_head_is_better_on_the_starter_than_on_random_weights(tmp_path):
    """Nearest class mean, so that nothing is trained: on pictures that its own training never saw."""
    draw_photos(tmp_path / "photos", 20, seed=5)
    data = load_dataset(tmp_path / "photos", InputSpec(96, 96), val_fraction=0.5)

    def top1(weights):
        keras.utils.set_random_seed(0)
        options = resolved_classifier(replace(AUTO, weights=weights, size=96), [10] * 6)
        network = keras.Sequential(
            [build_backbone(options, open_source(weights))[0], keras.layers.GlobalAveragePooling2D()]
        )

        def features(side):
            found = network.predict(side.batch(slice(None)) / 127.5 - 1.0, verbose=0)
            return found / np.linalg.norm(found, axis=1, keepdims=True)

        known, asked = features(data.train), features(data.val)
        means = np.stack([known[data.train.classes == k].mean(0) for k in range(6)])
        return ((asked[:, None] - means) ** 2).sum(2).argmin(1) == data.val.classes

    starter, random = top1("starter").mean(), top1("none").mean()
    assert starter > random + 0.15, (starter, random)
