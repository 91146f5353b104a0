"""The OpenVINO runtime: inputs of any layout and scaling, refusals, and its side effects on the process."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from irs import answer, build_ir

from edgetl.device.runtime import UnloadableRuntimeError, open_runtime, require_runtime
from edgetl.errors import ModelError
from edgetl.install import install_command

pytest.importorskip("openvino")
MEAN, SCALE = (120.0, 100.0, 80.0), (2.0, 4.0, 0.5)
INFO = {"mean_values": "120 100 80", "scale_values": "2 4 0.5"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.xml"


@pytest.fixture
def pictures():
    return np.random.default_rng(2).integers(0, 256, (3, 32, 32, 3), np.uint8) // np.array([1, 2, 3], np.uint8)


def output_for(runtime, picture):
    runtime.input_view()[...] = picture
    runtime.invoke()
    return runtime.output_view(0).copy()


@pytest.mark.parametrize("threads", [1, 2])
def test_pixels_are_written_into_the_input_and_scores_read_from_the_output(path, pictures, threads):
    runtime = open_runtime("openvino", build_ir(path), threads)
    assert (runtime.input.name, runtime.input.shape, runtime.input.dtype) == ("image", (1, 32, 32, 3), "uint8")
    assert [(t.name, t.shape, t.dtype, t.scale) for t in runtime.outputs] == [("scores", (1, 3), "float32", 0.0)]
    assert runtime.input_view().flags.c_contiguous
    for picture in pictures:
        assert np.abs(output_for(runtime, picture) - answer(picture)).max() < 1e-6
    runtime.close()


def test_openvino_computes_in_float32_with_the_requested_threads(path):
    compiled = open_runtime("openvino", build_ir(path), 2)._request.get_compiled_model()
    assert compiled.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 2
    assert compiled.get_property("NUM_STREAMS") == 1
    assert compiled.get_property("ENABLE_CPU_PINNING") is False, "or two models at once share a core"


@pytest.mark.parametrize(
    ("shape", "kind", "info"),
    [((1, 32, 32, 3), "f32", INFO), ((1, 3, 32, 32), "f32", INFO), ((1, 3, 32, 32), "u8", {})],
)
def test_layout_and_scaling_of_a_foreign_ir_become_a_part_of_its_graph(path, pictures, shape, kind, info):
    runtime = open_runtime("openvino", build_ir(path, shape, kind, info=info), 1)
    assert (runtime.input.shape, runtime.input.dtype) == ((1, 32, 32, 3), "uint8")
    for picture in pictures:
        expected = answer((picture - np.array(MEAN)) / np.array(SCALE) if info else picture)
        assert np.abs(output_for(runtime, picture) - expected).max() < 1e-5


def test_one_number_scales_every_channel(path, pictures):
    runtime = open_runtime("openvino", build_ir(path, kind="f32", info={"scale_values": "255"}), 1)
    assert np.abs(output_for(runtime, pictures[0]) - answer(pictures[0] / 255)).max() < 1e-6


def test_scaling_that_the_graph_already_has_is_not_repeated(path, pictures):
    runtime = open_runtime("openvino", build_ir(path, info={**INFO, "embedded_processing": "YES"}), 1)
    assert np.abs(output_for(runtime, pictures[0]) - answer(pictures[0])).max() < 1e-6


REFUSED = {
    "4 channels": ({"shape": (1, 32, 32, 4)}, r"the model's input is \[1,32,32,4\]", "image input"),
    "two inputs": ({"inputs": 2}, r"the model has 2 inputs: \[1,32,32,3\], \[1,4\]", "with one"),
    "dynamic batch": ({"shape": (-1, 32, 32, 3)}, r"input is not fixed: \[\?,32,32,3\]", "--input"),
    "dynamic size": ({"shape": (1, -1, -1, 3)}, r"input is not fixed: \[1,\?,\?,3\]", "--input"),
    "batch of 2": ({"shape": (2, 32, 32, 3)}, r"the model's input is \[2,32,32,3\]", "image input"),
    "floats without a word": ({"kind": "f32"}, "doesn't say how they are scaled", "mean_values and scale_values"),
    "no numbers": (
        {"kind": "f32", "info": {"mean_values": "a b c"}},
        "mean_values can't be used: 'a b c'",
        "one finite number",
    ),
    "two numbers": (
        {"kind": "f32", "info": {"mean_values": "1 2"}},
        "mean_values can't be used: '1 2'",
        "one finite number",
    ),
    "zero": (
        {"kind": "f32", "info": {"scale_values": "1 0 1"}},
        "scale_values can't be used: '1 0 1'",
        "one finite number",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_with_another_input_is_refused_with_the_reason(path, name):
    made, says, remedy = REFUSED[name]
    with pytest.raises(ModelError, match=says) as caught:
        open_runtime("openvino", build_ir(path, **made), 1)
    assert caught.value.where == str(path)
    assert remedy in caught.value.remedy
    assert len(str(caught.value).splitlines()) == 3


DAMAGED = {
    "no .bin": (lambda xml, weights: weights.unlink(), "the model's weights are missing: model.bin"),
    "empty .bin": (lambda xml, weights: weights.write_bytes(b""), "OpenVINO refuses the model: "),
    "short .bin": (lambda xml, weights: weights.write_bytes(weights.read_bytes()[:-4]), "Incorrect weights"),
    "half an .xml": (lambda xml, weights: xml.write_text(xml.read_text()[:900]), "no OpenVINO IR, or a damaged one"),
    "no XML": (lambda xml, weights: xml.write_text("not a model"), "no OpenVINO IR, or a damaged one"),
    "another XML": (lambda xml, weights: xml.write_text("<svg/>"), "no OpenVINO IR: the XML is a 'svg'"),
    "an unknown layer": (lambda xml, weights: xml.write_text(xml.read_text().replace("MatMul", "Mutmal")), "Mutmal"),
    "a folder": (lambda xml, weights: (xml.unlink(), xml.mkdir()), "no OpenVINO IR, or a damaged one"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_ir_is_refused_with_the_reason(path, name, capfd):
    damage, says = DAMAGED[name]
    damage(build_ir(path), path.with_suffix(".bin"))
    with pytest.raises(ModelError) as caught:
        open_runtime("openvino", path, 1)
    assert says in caught.value.what
    assert caught.value.where == str(path)
    assert caught.value.remedy
    assert capfd.readouterr() == ("", "")


def test_a_missing_openvino_is_reported_with_the_command_that_installs_it(path, monkeypatch):
    build_ir(path)
    monkeypatch.setitem(sys.modules, "openvino", None)
    for use in (lambda: open_runtime("openvino", path, 1), lambda: require_runtime("openvino")):
        with pytest.raises(UnloadableRuntimeError, match="OpenVINO is not installed") as caught:
            use()
        assert caught.value.remedy == install_command("openvino")
        assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    "error", [ImportError("libtbb.so.12: cannot open"), ModuleNotFoundError("No module named 'numpy'", name="numpy")]
)
def test_a_broken_openvino_is_reported_with_its_cause(monkeypatch, error):
    def import_module(name):
        raise error

    monkeypatch.setattr("edgetl.device.runtime.openvino.import_module", import_module)
    with pytest.raises(UnloadableRuntimeError, match=r"OpenVINO can't be loaded: ") as caught:
        require_runtime("openvino")
    assert str(error) in caught.value.what


def test_the_usage_statistics_of_openvino_stay_off():
    code = (
        "import sys; from edgetl.device.runtime.openvino import load_library; load_library().Core();"
        "print([name for name, module in sys.modules.items() if name.startswith('openvino_telemetry') and module])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


_SIGNAL = """
signal.signal(signal.SIGINT, lambda *_: print("asked to end"))
os.kill(os.getpid(), signal.SIGINT)
"""
_MODELS = """
import os, signal, sys
from pathlib import Path
from edgetl.device.runtime import open_runtime
first, second = (open_runtime("openvino", Path(sys.argv[1]), 1) for _ in range(2))
first.close()
second.close()
"""
_CORES = """
import os, signal, sys
from edgetl.device.runtime.openvino import load_library, restored_signal_stack
with restored_signal_stack():
    first, second = (load_library().Core() for _ in range(2))
    for core in (first, second):
        core.compile_model(sys.argv[1], "CPU")
    del core, first
    del second
"""


@pytest.mark.parametrize("code", [_MODELS, _CORES], ids=["our models", "cores of a library"])
def test_ctrl_c_works_after_two_cores_whose_lives_overlapped(path, code):
    """Each `openvino.Core` has a stack for signal handlers; a freed one would cause a segmentation fault."""
    command = [sys.executable, "-c", code + _SIGNAL, build_ir(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "asked to end\n")
