"""Unknown model files: their structure is checked, and a child process tries them."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tflite_mutants
from detectors import edited
from handmade import build, metadata

from edgetl.device.inference.model import Model
from edgetl.device.inference.tflite_metadata import read_files, read_metadata
from edgetl.device.runtime import library_version, open_runtime, sandbox
from edgetl.device.runtime.tflite_structure import require_sound
from edgetl.errors import EdgetlError, ModelError

pytest.importorskip("ai_edge_litert")
MODEL = build(np.eye(3) / 255, [0] * 3, "SOFTMAX", metadata=metadata([0], [1]))
MOST_MB = 1000


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, in a process that has opened no file yet."""
    monkeypatch.setenv("EDGETL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sandbox, "_known", set())
    return tmp_path / "cache"


@pytest.fixture
def write(tmp_path):
    def to_file(content: bytes, name: str = "model.tflite") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return to_file


@pytest.fixture
def children(monkeypatch):
    """The child processes that were started."""
    started = []
    real = subprocess.Popen

    def popen(*args, **kwargs):
        started.append(real(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(sandbox.subprocess, "Popen", popen)
    return started


def test_only_the_first_opening_of_a_file_starts_a_child(cache, write, children, monkeypatch):
    path = write(MODEL)
    open_runtime("tflite", path, 1).close()
    assert [child.returncode for child in children] == [0]
    open_runtime("tflite", path, 1).close()
    monkeypatch.setattr(sandbox, "_known", set())  # as another process finds it
    open_runtime("tflite", path, 1).close()
    open_runtime("tflite", write(MODEL, "copy.tflite"), 1).close()
    assert len(children) == 1
    open_runtime("tflite", write(build(np.eye(3)), "other.tflite"), 1).close()
    path.write_bytes(build(2 * np.eye(3)))  # another content under a name that is known
    open_runtime("tflite", path, 1).close()
    assert len(children) == 3


def test_the_child_imports_no_module_of_the_current_folder(cache, write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise SystemExit(7)")
    open_runtime("tflite", write(MODEL), 1).close()


def test_a_file_that_was_made_here_needs_no_child(cache, write, children, monkeypatch):
    open_runtime("tflite", write(MODEL), 1, made_here=True).close()
    sandbox.remember_harmless("tflite", write(MODEL), library_version("tflite"))
    monkeypatch.setattr(sandbox, "_known", set())
    open_runtime("tflite", write(MODEL), 1).close()
    assert not children


def test_a_cache_that_cannot_be_written_costs_only_a_child(write, children, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGETL_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(sandbox, "_known", set())
    open_runtime("tflite", write(MODEL), 1).close()
    assert len(children) == 1


ENDINGS = {
    "import os; os.kill(os.getpid(), 11)": "SIGSEGV",
    "x = b'x' * (700 << 20)\nwhile True: pass": "MB of memory",
    "import os; os._exit(4)": "memory was exhausted",
    "raise SystemExit(9)": "exit code 9",
    "import os, signal; os.kill(os.getpid(), signal.SIGXCPU)": "processor time",
    "while True: pass": "to open",
    """print('{"what": "no good", "remedy": "a better one"}'); raise SystemExit(3)""": "no good",
}


@pytest.mark.parametrize("code", ENDINGS)
def test_a_crash_or_an_exceeded_limit_of_the_child_is_an_error_of_the_file(cache, write, children, monkeypatch, code):
    monkeypatch.setattr(sandbox, "_START", code)
    if ENDINGS[code] == "to open":
        monkeypatch.setattr(sandbox, "SECONDS", 0.2)
    with pytest.raises(ModelError, match=ENDINGS[code]) as caught:
        open_runtime("tflite", write(MODEL), 1)
    assert caught.value.exit_code == 4
    assert caught.value.remedy
    assert children[0].returncode is not None, "nothing is left running"
    assert not (cache / "opened").exists()


def test_a_child_that_cannot_start_is_an_error_of_the_machine(cache, write, monkeypatch):
    monkeypatch.setattr(sandbox.sys, "executable", "/nowhere/python")
    with pytest.raises(EdgetlError, match="no process") as caught:
        open_runtime("tflite", write(MODEL), 1)
    assert caught.value.exit_code == 1


def test_the_librarys_error_in_the_child_is_reported(cache, write, children):
    path = write(edited(MODEL, lambda model: setattr(graph_of(model).operators[0], "outputs", [])))
    with pytest.raises(ModelError, match="refuses the model"):
        open_runtime("tflite", path, 1)
    assert len(children) == 1


def graph_of(model):
    return model.subgraphs[0]


def quantized(scales, axis):
    def edit(model):
        from ai_edge_litert import schema_py_generated as schema

        tensor = graph_of(model).tensors[0]
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = scales, [0] * len(scales)
        tensor.quantization.quantizedDimension = axis

    return edit


DAMAGES = {
    "an operator's input": lambda m: setattr(graph_of(m).operators[0], "inputs", [77]),
    "an operator's output": lambda m: setattr(graph_of(m).operators[0], "outputs", [-1]),
    "an operator's code": lambda m: setattr(graph_of(m).operators[0], "opcodeIndex", 9),
    "the graph's input": lambda m: setattr(graph_of(m), "inputs", [99]),
    "the graph's output": lambda m: setattr(graph_of(m), "outputs", [-2]),
    "a tensor's buffer": lambda m: setattr(graph_of(m).tensors[1], "buffer", 500),
    "a negative size": lambda m: setattr(graph_of(m).tensors[0], "shape", [1, -8, 8, 3]),
    "a huge tensor": lambda m: setattr(graph_of(m).tensors[0], "shape", [1, 60_000, 60_000, 3]),
    "a size that is not the content's": lambda m: setattr(graph_of(m).tensors[3], "shape", [3, 400]),
    "an axis": quantized([0.5, 0.5, 0.5], 9),
    "too few scales": quantized([0.5, 0.5], 3),
    "a scale that is no number": quantized([float("nan")], 0),
    "a metadata's buffer": lambda m: setattr(m.metadata[0], "buffer", 1000),
    "no graph": lambda m: setattr(m, "subgraphs", []),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_structure_is_found_before_the_library_opens_the_file(write, kind):
    with pytest.raises(ModelError, match="structure is damaged"):
        require_sound(write(edited(MODEL, DAMAGES[kind])))


def test_undamaged_files_pass(write, tiny_models, cells, ssd):
    for content in (*tiny_models.values(), *cells.values(), ssd, MODEL):
        require_sound(write(content))


def rename_operator(name):
    def edit(model):
        code = model.operatorCodes[0]
        code.builtinCode, code.deprecatedBuiltinCode, code.customCode = 32, 32, name

    return edit


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (edited(MODEL, rename_operator(b"edgetpu-custom-op")), "Coral"),
        (edited(MODEL, rename_operator(b"FlexErf")), "FlexErf"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "Git LFS"),
        (b"<!DOCTYPE html>\n<html></html>", "web page"),
        (b"PK\3\4aaaa", "zip"),
        (b"", "empty"),
        (b"hello, this is no model", "not a .tflite"),
    ],
)
def test_a_file_of_another_kind_is_named(write, content, message):
    with pytest.raises(ModelError, match=message) as caught:
        open_runtime("tflite", write(content), 1)
    assert caught.value.remedy


def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "sparse.tflite"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match="are allowed"):
        open_runtime("tflite", path, 1)


def test_pipes_and_devices_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.tflite")
    (tmp_path / "zero.tflite").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(ModelError, match="can't be read"):
            open_runtime("tflite", tmp_path / f"{name}.tflite", 1)


def test_metadata_that_refer_to_a_table_thousands_of_times_are_refused(write):
    usual = build(np.eye(3), metadata=metadata([0], [1], repeat=2))
    assert read_metadata(write(usual)).mean == (0.0,)
    with pytest.raises(ModelError, match="overlap"):
        read_metadata(write(build(np.eye(3), metadata=metadata([0], [1], repeat=3000))))


def zipped(entries: int, size: int, *, listed: int | None = None) -> bytes:
    """Returns an archive whose entries all share the same bytes of the file."""
    name, content = b"a.txt", b"x" * size
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 33, 0, size, size, len(name), 0) + name + content
    row = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, size, size, len(name), 0, 0, 0, 0, 0, 0) + name
    rows = row * entries
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, entries, entries, listed or len(rows), len(local), 0)
    return local + rows + end


def test_files_of_an_archive_that_overlap_are_refused(write):
    with pytest.raises(ModelError, match="overlap"):
        read_files(write(zipped(1000, 50_000)))


def test_an_archive_with_a_huge_list_of_files_is_refused(write):
    with pytest.raises(ModelError, match="too long"):
        read_files(write(zipped(25_000, 1)))


def mutation_run(folder: Path, bases: dict[str, bytes], first: int, end: int) -> subprocess.Popen:
    (folder / "bases").mkdir(parents=True)
    for name, content in bases.items():
        (folder / "bases" / f"{name}.tflite").write_bytes(content)
    (folder / "labels.txt").write_text("a\nb\nc\n")
    command = [sys.executable, tflite_mutants.__file__, str(folder), str(first), str(end)]
    environment = os.environ | {"EDGETL_CACHE": str(folder / "cache")}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def proved(process: subprocess.Popen, folder: Path) -> dict:
    out, err = process.communicate(timeout=600)
    last = [path.read_text() for path in folder.glob("*.last")]
    assert process.returncode == 0, f"{process.returncode} at {last}: {err[-2000:]}"
    found = json.loads(out.splitlines()[-1])
    assert set(found["counts"]) <= {"opened", "ModelError 4", "UsageError 2"}, f"{found} {last}"
    assert max(found["MB"]) < MOST_MB
    return found


def test_damaged_copies_end_in_model_errors(tmp_path):
    found = proved(mutation_run(tmp_path / "few", {"float": MODEL}, 0, 30), tmp_path / "few")
    assert sum(found["counts"].values()) == 30


@pytest.mark.slow
def test_three_thousand_damaged_copies_end_in_model_errors(tmp_path, tiny_models, ssd):
    bases = {
        "float": MODEL,
        "quantized": build(np.eye(3), [0] * 3, "LOGISTIC", dtype="uint8", quantization=(0.47, 0)),
        "network": tiny_models["int8"],
        "ssd": ssd,
    }
    folders = [tmp_path / "one", tmp_path / "two"]
    runs = [mutation_run(folder, bases, 10_000 * i, 10_000 * i + 1500) for i, folder in enumerate(folders)]
    found = [proved(run, folder) for run, folder in zip(runs, folders, strict=True)]
    print(sum((Counter(one["counts"]) for one in found), Counter()), "MB:", [one["MB"] for one in found])


def test_a_model_opens_through_the_sandbox(cache, write):
    path = write(MODEL)
    labels = write(b"a\nb\nc\n", "labels.txt")
    with Model.open(path, labels=labels) as model:
        assert len(model(np.zeros((9, 9, 3), np.uint8))) == 1
