"""The device's code with tflite-runtime 2.14 and NumPy 1, in a separate environment."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from fakes import VARIANTS, reseal

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def legacy():
    """Returns a function that runs a command of edgetl with the old runtime, and returns the finished process."""
    python = os.environ.get("EDGETL_LEGACY_PYTHON")
    if not python:
        pytest.skip(
            "no tflite-runtime: set EDGETL_LEGACY_PYTHON to the Python of an environment with edgetl[tflite-legacy]"
        )

    def run(*args):
        command = [python, "-m", "edgetl", *map(str, args)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd="/")

    listed = "import importlib.metadata as m; print(m.version('tflite-runtime'), m.version('numpy'))"
    found = subprocess.run([python, "-Ic", listed], capture_output=True, text=True, check=True).stdout.split()
    assert (found[0][:4], found[1][:2]) == ("2.14", "1.")
    return run


def test_the_golden_photos_get_the_same_scores(legacy, bundle):
    done = legacy("verify", bundle, "--json")
    *reports, pixels = json.loads(done.stdout)
    assert [report["variant"] for report in reports] == list(VARIANTS)
    assert all(report["ok"] and report["changed"] == 0 for report in reports), done.stderr
    assert pixels["ok"]
    assert done.returncode == 0


def test_a_variant_with_other_scores_is_excluded_from_tuning_with_the_reason(legacy, bundle):
    """An old runtime may round an operation in another way."""
    manifest = json.loads((bundle / "bundle.json").read_text())
    expected = bundle / manifest["variants"][2]["golden"]
    rows = json.loads(expected.read_text())
    expected.write_text(json.dumps([row[1:] + row[:1] for row in rows]))
    reseal(bundle, manifest["variants"][2]["golden"])
    done = legacy("tune", bundle, "--threads", 1, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    reasons = {trial["variant"]: trial["reason"] for trial in found["trials"]}
    assert reasons["static_wi8_ai8"]
    assert [reasons["float32"], reasons["float16"]] == ["", ""]
    assert found["variant"] in ("float32", "float16")
    assert found["machine"]["packages"]["tflite-runtime"].startswith("2.14")


def test_a_film_runs_with_the_old_runtime(legacy, bundle, film, tmp_path):
    done = legacy(
        "run", bundle, "--variant", "auto", "--source", film, "--quiet", "--jsonl", tmp_path / "results.jsonl"
    )
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 30
