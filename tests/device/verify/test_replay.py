from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from fakes import VARIANTS, reseal

from edgetl.device.verify.compare_golden import TOLERANCES, compare_scores
from edgetl.device.verify.replay import require_all_ok, verify
from edgetl.errors import GateError, ModelError, UsageError
from edgetl.install import install_command

VERIFY = [sys.executable, "-c", "import sys; from edgetl.cli.verify import verify; verify.main(sys.argv[1:])"]


def failing(bundle):
    return {report.variant: report.reason for report in verify(bundle) if not report.ok}


def change(path, how):
    path.write_bytes(how(bytearray(path.read_bytes())))


def flip_a_byte(data):
    data[len(data) // 2] ^= 1
    return data


def test_whole_bundle_passes(bundle):
    reports = verify(bundle)
    assert [report.variant for report in reports] == list(VARIANTS)
    assert all(report.ok and report.photos == 4 and report.changed == 0 for report in reports)
    assert all(report.max_difference <= report.tolerance == TOLERANCES[report.variant] for report in reports)
    assert "ok" in str(reports[0])
    require_all_ok(reports, bundle)


def test_a_single_variant_can_be_replayed(bundle):
    (report,) = verify(bundle, "static_wi8_ai8", threads=2)
    assert (report.variant, report.ok) == ("static_wi8_ai8", True)
    with pytest.raises(UsageError, match="no variant 'int4'"):
        verify(bundle, "int4")


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: change(path, flip_a_byte),
        lambda path: change(path, lambda data: data[:-100]),
        lambda path: change(path, lambda data: b""),
        lambda path: path.unlink(),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["one bit flipped", "truncated", "emptied", "missing", "a folder instead"],
)
@pytest.mark.parametrize("file", ["float16.tflite", "golden/float16.json"])
def test_damaged_file_fails_its_variant_alone_and_names_it(bundle, file, damage):
    damage(bundle / file)
    reasons = failing(bundle)
    assert list(reasons) == ["float16"]
    assert file in reasons["float16"]
    with pytest.raises(GateError, match="1 of 3 variants fail the golden replay: float16") as caught:
        require_all_ok(verify(bundle), bundle)
    assert str(bundle) in str(caught.value)
    assert caught.value.exit_code == 5


def test_damaged_golden_photo_fails_every_variant_and_is_named(bundle):
    change(bundle / "golden" / "2.png", flip_a_byte)
    reasons = failing(bundle)
    assert list(reasons) == list(VARIANTS)
    assert all("golden/2.png" in reason for reason in reasons.values())


def test_a_changed_golden_value_with_a_right_digest_is_drift(bundle):
    path = bundle / "golden" / "float32.json"
    scores = json.loads(path.read_text())
    scores[1][0] += 0.002
    path.write_text(json.dumps(scores))
    reseal(bundle, "golden/float32.json")
    assert failing(bundle) == {"float32": "the scores drifted"}


@pytest.mark.parametrize("content", ["[[1, 2], [3]]", "[]", "not JSON", '{"a": 1}', "[[null, 1, 2]]"])
def test_invalid_golden_scores_fail_their_variant(bundle, content):
    (bundle / "golden" / "float32.json").write_text(content)
    reseal(bundle, "golden/float32.json")
    assert list(failing(bundle)) == ["float32"]


def test_another_models_file_with_a_right_digest_is_drift(bundle):
    path = bundle / "static_wi8_ai8.tflite"
    content = path.read_bytes()
    # The weights lie in the file as they are: a few altered ones load well, and answer otherwise.
    altered = bytearray(content)
    for at in range(len(altered) // 4, len(altered) // 2, 3):
        altered[at] ^= 0x10
    path.write_bytes(altered)
    reseal(bundle, path.name)
    assert list(failing(bundle)) == ["static_wi8_ai8"]


def test_a_file_that_is_not_a_model_fails_its_variant(bundle):
    (bundle / "float32.tflite").write_text("not a model")
    reseal(bundle, "float32.tflite")
    assert "not a .tflite model" in failing(bundle)["float32"]


def importing(monkeypatch, errors):
    def import_module(name):
        raise errors[name.split(".")[0]]

    monkeypatch.setattr("edgetl.device.runtime.tflite.import_module", import_module)


NOT_THERE = {name: ModuleNotFoundError(name, name=name) for name in ("ai_edge_litert", "tflite_runtime")}


def test_a_variant_without_its_runtime_is_skipped(bundle, monkeypatch):
    importing(monkeypatch, NOT_THERE)
    with pytest.raises(ModelError, match="no TFLite runtime is installed") as caught:
        verify(bundle)
    assert caught.value.exit_code == 4
    assert caught.value.remedy == install_command("device")


@pytest.mark.parametrize(
    "error",
    [ImportError("libstdc++.so.6: no version"), ModuleNotFoundError("No module named 'numpy'", name="numpy")],
)
@pytest.mark.parametrize("package", NOT_THERE)
def test_a_broken_runtime_is_reported_with_its_error(bundle, monkeypatch, package, error):
    importing(monkeypatch, {**NOT_THERE, package: error})
    with pytest.raises(ModelError) as caught:
        verify(bundle)
    assert str(error) in caught.value.what
    assert package in caught.value.what
    assert caught.value.remedy


def test_a_bundle_without_golden_photos_fails(bundle):
    manifest = json.loads((bundle / "bundle.json").read_text())
    manifest["golden"] = []
    (bundle / "bundle.json").write_text(json.dumps(manifest))
    assert set(failing(bundle)) == set(VARIANTS)


def test_invalid_manifest_is_an_error(bundle, tmp_path):
    (bundle / "bundle.json").write_text("{}")
    with pytest.raises(ModelError):
        verify(bundle)
    with pytest.raises(ModelError, match="missing"):
        verify(tmp_path / "gone")


def test_a_changed_top_label_counts_unless_it_was_a_tie():
    expected = np.array([[0.5, 0.495, 0.005], [0.6, 0.3, 0.1]], np.float32)
    tie = np.array([[0.495, 0.5, 0.005], [0.6, 0.3, 0.1]], np.float32)
    report = compare_scores("a", "static_wi8_ai8", tie, expected)
    assert (report.ok, report.changed) == (True, 0)
    other = np.array([[0.5, 0.495, 0.005], [0.3, 0.6, 0.1]], np.float32)
    report = compare_scores("a", "static_wi8_ai8", other, expected)
    assert (report.ok, report.changed) == (False, 1)
    assert report.max_difference == pytest.approx(0.3)
    assert report.reason == "1 of 2 top labels changed, the scores drifted"
    assert not compare_scores("a", "float32", np.full((1, 3), np.nan, np.float32), expected[:1]).ok


def test_an_unknown_recipe_gets_the_strictest_tolerance():
    assert compare_scores("a", "new", np.ones((1, 2), np.float32), np.ones((1, 2), np.float32)).tolerance == 1e-3


def test_a_model_with_one_class_can_be_compared():
    assert compare_scores("a", "float32", np.ones((2, 1), np.float32), np.ones((2, 1), np.float32)).ok


def test_command_prints_a_table_and_json(bundle):
    done = subprocess.run([*VERIFY, str(bundle)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert all(recipe in done.stderr for recipe in VARIANTS)
    done = subprocess.run([*VERIFY, str(bundle), "--json"], capture_output=True, text=True, timeout=60)
    assert [report["variant"] for report in json.loads(done.stdout)] == [*VARIANTS, "preprocessing"]


def test_command_exits_with_5_and_names_the_variant(bundle):
    change(bundle / "float16.tflite", flip_a_byte)
    command = [sys.executable, "-c", "from edgetl.cli import main; main()", "verify", str(bundle), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 5
    assert "1 of 3 variants fail the golden replay: float16" in done.stderr
    assert [report["ok"] for report in json.loads(done.stdout)] == [True, False, True, True]
    assert "Traceback" not in done.stderr


def test_copied_bundle_verifies_elsewhere(bundle, tmp_path):
    assert not failing(shutil.copytree(bundle, tmp_path / "elsewhere"))
