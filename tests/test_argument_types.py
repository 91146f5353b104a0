"""A program that passes a wrong type gets an `EdgetlError` that names the argument; paths may be texts or paths."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import edgetl
from edgetl.device.inference.input_writer import frame_error
from edgetl.device.runtime.threads import thread_count

CALLS = {
    "data": lambda value: edgetl.TrainOptions(value, "parts"),
    "size": lambda value: edgetl.TrainOptions("photos", "parts", size=value),
    "optimizer": lambda value: edgetl.TrainOptions("photos", "parts", optimizer=value),
    "strides": lambda value: edgetl.TrainOptions("photos", "parts", strides=value),
    "labels": lambda value: edgetl.ImportOptions("a.keras", "photos", value),
    "source": lambda value: edgetl.RunSettings(source=value),
    "zones": lambda value: edgetl.RunSettings(zones=value),
    "stall": lambda value: edgetl.RunSettings(stall=value),
    "threshold": lambda value: edgetl.ResultFilter(threshold=value),
    "classes": lambda value: edgetl.ResultFilter(classes=value),
    "points": lambda value: edgetl.Zone("door", value),
    "options": edgetl.train,
    "settings": edgetl.run,
    "on_observation": lambda value: edgetl.run(edgetl.RunSettings(), value),
    "sinks": lambda value: edgetl.run(edgetl.RunSettings(), sinks=value),
    "progress": lambda value: edgetl.check_data("photos", progress=value),
    "folder": edgetl.check_data,
    "seed": lambda value: edgetl.convert("parts", seed=value),
    "stream": edgetl.PrintProgress,
    "bundle": edgetl.verify,
    "model": edgetl.evaluate,
    "path": edgetl.Model.open,
    "target": edgetl.Target.load,
    "the model's name": edgetl.open_model,
}
PATHS = {
    "Bundle": edgetl.Bundle.open,
    "Model": edgetl.Model.open,
    "ModelCard": edgetl.ModelCard.load,
    "Target": edgetl.Target.load,
    "check_data": edgetl.check_data,
    "evaluate": edgetl.evaluate,
    "open_camera": edgetl.open_camera,
    "verify": edgetl.verify,
}


@pytest.mark.parametrize("wrong", [object(), b"bytes", [3.5]], ids=["object", "bytes", "list"])
@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_type_is_a_usage_error_that_names_the_argument(name, wrong):
    with pytest.raises(edgetl.EdgetlError, match=f"^{name}") as caught:
        CALLS[name](wrong)
    assert caught.value.remedy


@pytest.mark.parametrize("name", PATHS)
def test_a_text_and_a_path_are_taken_alike(name, tmp_path):
    where = tmp_path / "nothing"
    with pytest.raises(edgetl.EdgetlError) as of_path:
        PATHS[name](where)
    with pytest.raises(edgetl.EdgetlError) as of_text:
        PATHS[name](str(where))
    assert str(of_path.value) == str(of_text.value)


def test_values_are_brought_to_the_declared_types():
    options = edgetl.TrainOptions(Path("photos"), "parts", size=np.int64(96), augment=1, strides=[8, 16])
    assert (options.data, options.size, options.augment, options.strides) == ("photos", 96, 1.0, (8, 16))
    settings = edgetl.RunSettings(source=0, labels="labels.txt", jsonl="-", classes=["bolt"], serve=8080)
    assert (settings.source, settings.labels, settings.jsonl) == ("0", Path("labels.txt"), "-")
    assert (settings.classes, settings.serve) == (("bolt",), "8080")


@pytest.mark.parametrize("name", ["max_frames", "threads", "top_k", "smooth"])
def test_a_count_below_one_is_refused(name):
    with pytest.raises(edgetl.EdgetlError, match=f"{name} is 0"):
        edgetl.RunSettings(**{name: 0})


@pytest.mark.parametrize("wrong", [-1, float("nan")])
@pytest.mark.parametrize("name", ["stall", "give_up", "rate"])
def test_a_time_or_a_rate_that_is_no_number_of_0_or_more_is_refused(name, wrong):
    with pytest.raises(edgetl.EdgetlError, match=f"{name} is"):
        edgetl.RunSettings(**{name: wrong})


@pytest.mark.parametrize("number", [0, -1, 2.0, "2", 100_000])
def test_a_number_of_threads_that_no_runtime_can_start_is_refused(number):
    with pytest.raises(edgetl.EdgetlError, match="must be 1 to 1024"):
        thread_count(number, None)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (1, 4, 4, 3), (0, 4, 3)])
def test_an_array_of_another_shape_is_reported_with_the_shape(shape):
    error = frame_error(np.zeros(shape, np.uint8))
    assert str(shape) in error.what
    assert error.remedy


def test_a_frame_that_fits_means_that_the_model_is_closed():
    assert frame_error(np.zeros((4, 4, 3), np.uint8)).what == "the model is closed"


def test_results_print_their_figures_and_not_their_arrays():
    evaluation = edgetl_evaluation()
    assert str(evaluation) == evaluation.to_text()
    assert str(evaluation).startswith("top-1 1.0000 on 2 photos")


def edgetl_evaluation():
    from edgetl.host.evaluate.top1 import Evaluation

    return Evaluation(("bolt", "nut"), np.array([0, 1]), np.eye(2, dtype=np.float32))


class Log(list):
    """A receiver that is empty at first, and therefore false."""

    def message(self, text):
        self.append(text)

    def advance(self, work, done, total, note=""):
        pass


def test_a_warning_reaches_a_receiver_that_is_empty_at_first():
    from edgetl.host.console import warn
    from edgetl.progress import receiver_of, reporting

    log = Log()
    with reporting(receiver_of(log)):
        warn("few photos")
    assert log == ["warning: few photos"]


def test_a_warning_is_not_printed_by_pythons_last_resort():
    program = "import edgetl; from edgetl.host.console import warn; warn('few photos'); print(dir(edgetl))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == ""
    assert "import_module" not in done.stdout
    assert "logging" not in done.stdout
