"""`edgetl eval` of a ready-made classifier reproduces its accuracy."""

import json

import pytest
from homes import edgetl

from edgetl.device.inference.labels import read_labels


@pytest.mark.real_data
@pytest.mark.slow
def test_a_published_classifier_keeps_its_accuracy(data_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("EDGETL_CACHE", str(tmp_path / "cache"))
    labels = data_folder / "models" / "imagenet_labels_1001.txt"
    photos = sorted((data_folder / "photos" / "imagenet_sample").glob("n*.jpg"))
    for label, photo in zip(read_labels(labels)[1:], photos, strict=True):  # the first label is the background
        folder = tmp_path / "sample" / label
        folder.mkdir(parents=True)
        (folder / photo.name).symlink_to(photo)
    model = data_folder / "models" / "mobilenet_v2_1.0_224_quant.tflite"
    done = edgetl("eval", model, tmp_path / "sample", "--labels", labels, "--json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert result["photos"] == 1000
    assert result["top1"] >= 0.82
