"""The public names: quick to import, and each with an example that runs."""

from __future__ import annotations

import doctest
import os
import shutil
import subprocess
import sys

import pytest
from fake_systemctl import FakeSystemctl, be_ordinary_user
from homes import draw_folders

import edgetl
from edgetl.progress import reporting

IN_TURN = ("convert", "verify", "import_model", "resume", "models", "open_model", "StoredModel", "Bundle", "Model")
"""The examples that build on each other, in this order; `train` comes first."""
ALONE = ("Classification", "CompareOptions", "Detections", "EdgetlError", "Line", "ModelCard", "PrintProgress")
ALONE += ("Event", "ImportOptions", "PhotoReview", "Progress", "ResultFilter", "RunSettings", "Stop", "Target")
ALONE += ("CaptureSettings", "PullResult", "Tracker", "TrainOptions", "Zone", "pull")
ALONE += ("DeployOptions", "Deployment", "RollOut", "prune", "releases", "rollback")
"""The names whose examples need no model."""
WITH_PHOTOS = (
    "CaptureResult",
    "Comparison",
    "ModelComparison",
    "Observation",
    "Ranking",
    "RunEnded",
    "RunResult",
    "Sink",
    "check_data",
)
WITH_PHOTOS += (
    "capture",
    "compare_models",
    "compare_training",
    "evaluate",
    "open_camera",
    "photo_review",
    "rank_starts",
    "run",
)
WITH_PHOTOS += ("build_release", "deploy", "deploy_all")
"""The names whose examples read the folder of photos that `train` gets."""
WITH_SYSTEMD = ("ServiceOptions", "plan_service", "install_service", "ServiceStatus", "service_status")
WITH_SYSTEMD += ("service_logs", "uninstall_service")
"""The names whose examples need a systemd, in this order."""
QUIET = """
import sys, time
began = time.process_time()
import edgetl
seconds = time.process_time() - began
dir(edgetl)
print(seconds, sorted(name for name in sys.modules if name.split(".")[0] in {"numpy", "cv2", "click", "keras", "rich"}))
"""


def test_the_import_is_quick_and_loads_no_library():
    done = [subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True) for _ in range(3)]
    assert min(float(one.stdout.split()[0]) for one in done) < 0.05
    assert {one.stdout.partition(" ")[2].strip() for one in done} == {"[]"}


def test_every_public_name_has_an_example_that_is_run_here():
    assert sorted(edgetl.__all__) == edgetl.__all__
    assert sorted([*IN_TURN, *ALONE, *WITH_PHOTOS, *WITH_SYSTEMD, "train"]) == edgetl.__all__


@pytest.mark.parametrize("name", ALONE)
def test_the_example_of_a_type_runs(name):
    run_examples(getattr(edgetl, name), name)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Nodel'"):
        edgetl.Nodel  # noqa: B018


def test_the_examples_of_the_service_run(tmp_path, monkeypatch):
    be_ordinary_user(monkeypatch)
    systemctl = FakeSystemctl(tmp_path / "systemctl", monkeypatch)
    (systemctl.folder / "journalctl").symlink_to("systemctl")
    monkeypatch.setenv("PATH", f"{systemctl.folder}:{os.environ['PATH']}")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "bundle.json").touch()
    monkeypatch.chdir(tmp_path)
    for name in WITH_SYSTEMD:
        run_examples(getattr(edgetl, name), name)


@pytest.mark.slow
def test_the_examples_of_the_functions_run_and_print_nothing_else(empty_home, capfd):
    """From photos to a checked bundle in Python alone."""
    draw_folders(empty_home.photos, 12)
    (empty_home.folder / "labels.txt").write_text("cross\ndisc\nsquare\n")
    shutil.copy(empty_home.photos / "disc" / "00.jpg", "bolt.jpg")
    assert os.environ["EDGETL_MODELS"] == str(empty_home.models)
    with reporting(None):
        run_examples(edgetl.train, "train")
        shutil.copy("models/parts/model.keras", "elsewhere.keras")
        for name in IN_TURN + WITH_PHOTOS:
            run_examples(getattr(edgetl, name), name)
    assert capfd.readouterr() == ("", "")


def run_examples(documented, name):
    found = doctest.DocTestFinder(recurse=False).find(documented, name)
    tests = [test for test in found if test.examples]
    assert tests, f"{name} has no example"
    report = []
    for test in tests:
        failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=report.append)
        assert not failed, "".join(report)
