"""Hostile Keras files are refused with the reason, before their code runs or they take memory."""

from __future__ import annotations

import json
import pickle
import zipfile
from contextlib import suppress

import h5py
import numpy as np
import pytest
from greys import build_greys
from keras2 import SHAPE, layer, pooled, sequential, write_h5
from load import memory, peak_memory
from mutants import mutants

from edgetl.errors import EdgetlError, ModelError

pytest.importorskip("tensorflow")

from edgetl.host.convert.foreign.open_keras import open_keras
from edgetl.host.convert.foreign.open_saved_model import open_saved_model
from edgetl.host.networks import keras_file
from edgetl.host.train.weights.read import read_layers

FIRST = {"batch_input_shape": [None, *SHAPE], "dtype": "float32"}
SMALL = sequential([layer("GlobalAveragePooling2D", "pooled", **FIRST)])
OPENERS = (open_keras, read_layers)


def changed(path, change):
    """Changes an `.h5` file in place."""
    with h5py.File(path, "a") as file:
        change(file["model_weights"])
    return path


def huge(group):
    group.create_dataset("huge", (1 << 31,), "float32", chunks=(1 << 10,))


def many(group):
    for k in range(30):
        group.create_dataset(f"part{k}", (1 << 23,), "float32", chunks=(1 << 10,))


def wide_piece(group):
    group.create_dataset("wide", (1,), "float32", chunks=(1 << 28,), maxshape=(None,))


def external(group):
    group.create_dataset("external", (4,), "float32", external=[("other.bin", 0, 16)])


def linked(group):
    group["link"] = h5py.ExternalLink("other.h5", "/x")


def soft(group):
    group["link"] = h5py.SoftLink("/model_weights")


def virtual(group):
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
    group.create_virtual_dataset("virtual", layout)


def packed(group):
    group.create_dataset("packed", data=np.zeros(1 << 20, np.float32), compression="gzip")


def deep(group):
    for _ in range(60):
        group = group.create_group("g")


@pytest.mark.parametrize("change", [huge, many, wide_piece, external, linked, soft, virtual, packed, deep])
@pytest.mark.parametrize("opener", OPENERS)
def test_weights_outside_the_file_or_too_large_are_refused(tmp_path, change, opener):
    path = changed(write_h5(tmp_path / "model.h5", SMALL), change)
    with pytest.raises(ModelError) as caught:
        opener(path)
    assert caught.value.where == str(path)
    assert caught.value.remedy


@pytest.mark.parametrize("opener", OPENERS)
def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path, opener, monkeypatch):
    monkeypatch.setattr(keras_file, "_ALWAYS_BYTES", 1 << 20)
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", bytes(16 << 20))
    assert path.stat().st_size < 1 << 16
    with pytest.raises(ModelError, match="MB"):
        opener(path)


def test_a_description_of_a_huge_network_takes_no_memory(tmp_path):
    layers = [layer("GlobalAveragePooling2D", "pooled", **FIRST), layer("Dense", "dense", units=1 << 30)]
    path = write_h5(tmp_path / "model.h5", sequential(layers))
    before = memory()
    with pytest.raises(ModelError, match="its weights would take"):
        open_keras(path)
    assert peak_memory() - before < 1 << 30
    layers = [layer("UpSampling2D", "up", size=[5000, 5000], **FIRST), pooled()]
    with pytest.raises(ModelError, match="numbers for one photo"):
        open_keras(write_h5(tmp_path / "model.h5", sequential(layers)))


def test_an_archive_that_someone_compressed_opens(tmp_path):
    build_greys().save(tmp_path / "plain.keras")
    with (
        zipfile.ZipFile(tmp_path / "plain.keras") as plain,
        zipfile.ZipFile(tmp_path / "packed.keras", "w", zipfile.ZIP_DEFLATED) as copy,
    ):
        for name in plain.namelist():
            copy.writestr(name, plain.read(name))
    pixels = np.full((1, 24, 32, 3), 0.5, np.float32)
    answers = [open_keras(tmp_path / f"{n}.keras").network.predict_on_batch(pixels) for n in ("plain", "packed")]
    assert np.array_equal(*answers)
    assert read_layers(tmp_path / "packed.keras")["dense"]


class Evil:
    def __reduce__(self):
        return open, ("evil", "w")


def described(class_name, **config):
    return sequential([layer("GlobalAveragePooling2D", "pooled", **FIRST), layer(class_name, "odd", **config)])


REFUSED = {
    "code": (described("Lambda", function=["4wEAAAA=", None, None], function_type="lambda"), "code inside"),
    "code of Keras 3": (
        described("Lambda", function={"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}),
        "code inside",
    ),
    "a named function": (
        described("Lambda", function="preprocess", function_type="function", module="mine"),
        "code of its own, which isn't in the file: preprocess",
    ),
    "a function of a module": (
        described("Dense", units=2, activation={"class_name": "function", "config": "system", "module": "os"}),
        "code of its own, which isn't in the file: system",
    ),
    "another model": (described("TFSMLayer", filepath="other", call_endpoint="serve"), "TFSMLayer"),
    "a pickled module": (described("TorchModuleWrapper", module="gASV"), "TorchModuleWrapper"),
    "words of a file": (described("StringLookup", vocabulary="/etc/passwd"), "StringLookup"),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("suffix", ["h5", "keras"])
def test_a_description_that_does_more_than_compute_is_refused(tmp_path, monkeypatch, kind, suffix):
    monkeypatch.chdir(tmp_path)
    document, says = REFUSED[kind]
    path = tmp_path / f"model.{suffix}"
    if suffix == "h5":
        write_h5(path, document)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", json.dumps(document))
            archive.writestr("model.weights.h5", b"")
    with pytest.raises(ModelError) as caught:
        open_keras(path)
    assert says in caught.value.what


@pytest.mark.parametrize("name", ["model.npz", "model.pth", "model.h5", "model.keras"])
def test_pickled_objects_are_never_run(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    if name.endswith("npz"):
        with path.open("wb") as file:
            np.savez(file, weights=np.array([Evil()], dtype=object))
    else:
        path.write_bytes(pickle.dumps(Evil()))
    for opener in OPENERS:
        with pytest.raises(ModelError):
            opener(path)
    assert not (tmp_path / "evil").exists()


def test_a_git_lfs_pointer_is_refused_as_one(tmp_path):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
    for opener, name in ((open_keras, "a.keras"), (open_keras, "a.h5"), (read_layers, "w.h5")):
        (tmp_path / name).write_text(pointer)
        with pytest.raises(ModelError, match="Git LFS"):
            opener(tmp_path / name)
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_text(pointer)
    with pytest.raises(ModelError, match="Git LFS"):
        open_saved_model(tmp_path / "saved")


def damaged(tmp_path, count, seed):
    """Opens damaged copies of a small model in both formats; only an error of edgetl may be raised."""
    for suffix in ("h5", "keras"):
        build_greys(scaled=True).save(tmp_path / f"whole.{suffix}")
        content = (tmp_path / f"whole.{suffix}").read_bytes()
        for copy in mutants(content, count, seed):
            path = tmp_path / f"copy.{suffix}"
            path.write_bytes(copy)
            for opener in OPENERS:
                with suppress(EdgetlError):
                    opener(path)


def test_damaged_keras_files_raise_edgetl_errors(tmp_path):
    damaged(tmp_path, 100, 7)


@pytest.mark.slow
def test_many_damaged_keras_files_raise_edgetl_errors(tmp_path):
    damaged(tmp_path, 2000, 8)
