"""Others' model files that can't be run are refused with exit code, what, where and remedy."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from greys import LABELS, SIZE, build_greys, draw_greys, to_tflite
from homes import draw_folders, edgetl, refused

from edgetl.install import install_command

needs_openvino = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed")


@pytest.fixture
def workplace(empty_home):
    """The current folder, with photos and with labels of three and of five classes."""
    draw_folders(empty_home.photos, 1)
    Path("three.txt").write_text("a\nb\nc\n")
    Path("five.txt").write_text("\n".join(LABELS))
    return empty_home.folder


def run_file(file, labels="three.txt"):
    return edgetl("run", file, "--labels", labels, "--source", "photos/disc", "--quiet")


def eval_file(file, labels="three.txt"):
    return edgetl("eval", file, "photos", "--labels", labels)


def write_ir(path, shape=(1, 32, 32, 3), *, inputs=1, classes=3):
    """An IR from bytes to a softmax of mean colours; -1 in `shape` stands for a dynamic length."""
    import openvino as ov
    from openvino import opset13 as ops

    image = ops.parameter(ov.PartialShape(list(shape)), ov.Type.u8, name="image")
    means = ops.reduce_mean(ops.convert(image, "f32"), np.array([1, 2]))
    weights = ops.constant(np.ones((shape[3], classes), np.float32))
    others = [ops.parameter([1, 4], ov.Type.f32, name=f"other{i}") for i in range(inputs - 1)]
    results = [ops.softmax(ops.matmul(means, weights, False, False), 1), *map(ops.relu, others)]
    ov.save_model(ov.Model(results, [image, *others], "means"), path, compress_to_fp16=False)
    return path


UNFIT_TFLITE = {
    "four channels": ({"shape": (*SIZE, 4)}, "the model's input is (1, 24, 32, 4)", "one (1, H, W, 3) image input"),
    "two inputs": ({"inputs": 2}, "the model's input is (1, ", "one (1, H, W, 3) image input"),
    "batch of 2": ({"batch": 2}, "the model's input is (2, 24, 32, 3)", "one (1, H, W, 3) image input"),
    "no fixed size": ({"shape": (None, None, 3)}, "the size of the model's input is not fixed", "(1, H, W, 3)"),
}


@pytest.mark.parametrize("command", [run_file, eval_file])
@pytest.mark.parametrize("kind", UNFIT_TFLITE)
def test_a_tflite_with_another_input_is_refused(workplace, kind, command):
    pytest.importorskip("tensorflow")
    options, says, remedy = UNFIT_TFLITE[kind]
    Path("odd.tflite").write_bytes(to_tflite(build_greys(**options)))
    refused(command("odd.tflite", "five.txt"), 4, says, "where: odd.tflite", remedy)


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "saved/saved_model.pb"])
def test_a_model_of_another_format_asks_for_conversion(workplace, name):
    file = workplace / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"x")
    refused(run_file(file if file.suffix != ".pb" else file.parent, "five.txt"), 4, "edgetl convert --from")


def test_tflite_of_any_batch_runs(workplace):
    """TensorFlow makes such files of every Keras model; the interpreter takes one photo at a time."""
    pytest.importorskip("tensorflow")
    draw_greys(workplace / "greys", 2)
    Path("any.tflite").write_bytes(to_tflite(build_greys(), integer=True))
    done = edgetl("eval", "any.tflite", "greys", "--labels", "five.txt")
    assert done.code == 0, done.err
    assert "top-1 1.0000 on 10 photos" in done.err


UNFIT_IR = {
    "four channels": ({"shape": (1, 32, 32, 4)}, "the model's input is [1,32,32,4]", "image input of a fixed size"),
    "two inputs": ({"inputs": 2}, "the model has 2 inputs: [1,32,32,3], [1,4]", "with one (1, H, W, 3)"),
    "dynamic batch": ({"shape": (-1, 32, 32, 3)}, "input is not fixed: [?,32,32,3]", "--input [1,H,W,3]"),
    "dynamic size": ({"shape": (1, -1, -1, 3)}, "input is not fixed: [1,?,?,3]", "--input [1,H,W,3]"),
}


@needs_openvino
@pytest.mark.parametrize("command", [run_file, eval_file])
@pytest.mark.parametrize("kind", UNFIT_IR)
def test_an_ir_with_another_input_is_refused(workplace, kind, command):
    options, says, remedy = UNFIT_IR[kind]
    write_ir(workplace / "odd.xml", **options)
    refused(command("odd.xml"), 4, says, "where: odd.xml", remedy)


@needs_openvino
def test_an_ir_without_its_bin_is_refused(workplace):
    write_ir(workplace / "model.xml")
    Path("model.bin").unlink()
    refused(run_file("model.xml"), 4, "the model's weights are missing: model.bin", "where: model.xml", "copy it too")


@needs_openvino
def test_an_ir_with_the_bin_of_another_model_is_refused(workplace):
    write_ir(workplace / "small.xml")
    write_ir(workplace / "large.xml", classes=400)
    shutil.copy("small.bin", "large.bin")
    Path("many.txt").write_text("\n".join(map(str, range(400))))
    done = run_file("large.xml", "many.txt")
    refused(done, 4, "OpenVINO refuses the model: ", "where: large.xml", ".xml and .bin are whole and of one model")


@needs_openvino
def test_a_missing_openvino_is_reported_with_the_remedy(workplace, monkeypatch):
    write_ir(workplace / "model.xml")
    monkeypatch.setitem(sys.modules, "openvino", None)
    refused(
        run_file("model.xml"),
        4,
        "OpenVINO is not installed",
        f"remedy: {install_command('openvino')}",
    )


def test_a_missing_tflite_runtime_is_reported_with_the_remedy(workplace, tiny_models, monkeypatch):
    Path("model.tflite").write_bytes(tiny_models["uint8"])

    def import_module(name):
        package = name.split(".")[0]
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr("edgetl.device.runtime.tflite.import_module", import_module)
    refused(
        run_file("model.tflite"),
        4,
        "no TFLite runtime is installed",
        f"remedy: {install_command('device')}",
    )
