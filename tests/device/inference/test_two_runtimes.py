"""A bundle with variants for two runtimes, on machines that have one or both."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from dataclasses import replace

import cv2
import pytest
from homes import edgetl
from irs import build_ir

from edgetl.bundle import Bundle, write_manifest
from edgetl.device.inference.model import Model
from edgetl.device.run.model_pool import ModelPool
from edgetl.device.runtime import UnloadableRuntimeError, open_runtime
from edgetl.device.verify.replay import require_all_ok, verify
from edgetl.errors import GateError, ModelError, UsageError
from edgetl.files import sha256_of
from edgetl.install import install_command

pytest.importorskip("openvino")
OURS = "openvino-float32"


@pytest.fixture(scope="session")
def whole_pair(tmp_path_factory, whole_bundle):
    """`whole_bundle` and an OpenVINO variant, chosen."""
    folder = shutil.copytree(whole_bundle, tmp_path_factory.mktemp("pair") / "bundle")
    manifest = Bundle.open(folder).manifest
    xml, golden = build_ir(folder / f"{OURS}.xml"), folder / f"golden/{OURS}.json"
    weights = xml.with_suffix(".bin")
    with Model(open_runtime("openvino", xml, 1), manifest.card) as model:
        frames = [cv2.imread(str(folder / photo.file)) for photo in manifest.golden]
        golden.write_text(json.dumps([model.scores(frame).tolist() for frame in frames]))
    variant = replace(
        manifest.variants[0],
        runtime="openvino",
        file=xml.name,
        sha256=sha256_of(xml),
        weights=weights.name,
        weights_sha256=sha256_of(weights),
        bytes=xml.stat().st_size + weights.stat().st_size,
        golden=f"golden/{golden.name}",
        golden_sha256=sha256_of(golden),
    )
    write_manifest(folder, replace(manifest, chosen=OURS, variants=(variant, *manifest.variants)))
    return folder


@pytest.fixture
def pair(whole_pair, tmp_path):
    return shutil.copytree(whole_pair, tmp_path / "bundle")


@pytest.fixture
def without_openvino(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)


@pytest.fixture
def without_tflite(monkeypatch):
    for package in ("ai_edge_litert", "tflite_runtime"):
        for name in (package, f"{package}.interpreter"):
            monkeypatch.setitem(sys.modules, name, None)


def outcomes(reports):
    return {report.variant: (report.ok, report.skipped) for report in reports}


def test_both_runtimes_replay(pair):
    reports = verify(pair)
    assert [report.variant for report in reports] == [OURS, "float32", "float16", "static_wi8_ai8"]
    assert all(report.ok and not report.skipped for report in reports)
    assert reports[0].max_difference < 1e-6
    assert outcomes(verify(pair, OURS, threads=2)) == {OURS: (True, False)}


def test_variants_of_a_missing_runtime_are_skipped_and_reported(pair, without_openvino):
    reports = verify(pair)
    assert outcomes(reports) == {
        OURS: (False, True),
        **dict.fromkeys(("float32", "float16", "static_wi8_ai8"), (True, False)),
    }
    assert str(reports[0]).split(maxsplit=2) == [OURS, "skipped", "OpenVINO is not installed"]
    require_all_ok(reports, pair)
    done = edgetl("verify", pair, "--json")
    assert done.code == 0, done.err
    assert [report["skipped"] for report in json.loads(done.out)] == [True, False, False, False, False]
    assert f"{OURS:<24} skipped  OpenVINO is not installed" in edgetl("verify", pair).err


def test_either_runtime_may_be_missing(pair, without_tflite):
    reports = verify(pair)
    assert [report.skipped for report in reports] == [False, True, True, True]
    require_all_ok(reports, pair)


def test_a_skipped_variant_hides_no_failure_of_another(pair, without_openvino):
    (pair / "float16.tflite").unlink()
    with pytest.raises(GateError, match="1 of 4 variants fail the golden replay: float16"):
        require_all_ok(verify(pair), pair)


def test_verification_without_any_runtime_is_an_error(pair, without_openvino, without_tflite):
    with pytest.raises(UnloadableRuntimeError, match="OpenVINO is not installed"):
        verify(pair)


def test_a_variant_that_was_named_is_not_skipped(pair, without_openvino):
    with pytest.raises(UnloadableRuntimeError, match="OpenVINO is not installed"):
        verify(pair, OURS)
    with pytest.raises(UnloadableRuntimeError, match="OpenVINO is not installed"):
        Model.open(pair, variant=OURS)


def runtime_of(model):
    return type(model._runtime).__name__


def test_the_chosen_variant_runs(pair):
    with Model.open(pair) as chosen, Model.open(pair, variant="float16") as named:
        assert (runtime_of(chosen), runtime_of(named)) == ("OpenVINORuntime", "TFLiteRuntime")


def test_another_variant_runs_if_the_runtime_of_the_chosen_one_is_missing(pair, without_openvino, caplog):
    with caplog.at_level(logging.WARNING), Model.open(pair) as model:
        assert runtime_of(model) == "TFLiteRuntime"
    (record,) = caplog.records
    assert record.getMessage() == (
        f"OpenVINO is not installed: float32 runs in place of {OURS}; for that one {install_command('openvino')}"
    )


def test_a_missing_runtime_is_reported_once_for_a_model_pool(pair, without_openvino, monkeypatch, caplog):
    monkeypatch.setattr("edgetl.device.runtime.threads.cores", lambda: 4)
    with caplog.at_level(logging.WARNING):
        pool = ModelPool.open(pair, parallel=True, threads=3)
    assert [model.variant for model in pool.models] == ["float32"] * 3
    assert len(caplog.records) == 1


def test_a_bundle_without_any_installed_runtime_is_an_error(pair, without_openvino, without_tflite):
    with pytest.raises(UnloadableRuntimeError, match="OpenVINO is not installed"):
        Model.open(pair)


def test_a_damaged_variant_is_not_replaced_by_another(pair):
    (pair / f"{OURS}.bin").write_bytes(b"")
    with pytest.raises(ModelError, match=f"{OURS}.bin was altered or cut short"):
        Model.open(pair)


@pytest.mark.parametrize("suffix", [".xml", ".bin"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?"),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.unlink(),
    ],
    ids=["altered", "truncated", "missing"],
)
def test_both_files_of_an_ir_are_checked(pair, suffix, damage):
    damage(pair / f"{OURS}{suffix}")
    reports = verify(pair)
    assert [report.variant for report in reports if not report.ok] == [OURS]
    assert f"{OURS}{suffix} " in reports[0].reason


def test_other_weights_with_correct_digests_are_found_by_the_replay(pair):
    path = pair / f"{OURS}.bin"
    path.write_bytes(path.read_bytes()[::-1])
    document = json.loads((pair / "bundle.json").read_text())
    document["variants"][0]["weights_sha256"] = sha256_of(path)
    (pair / "bundle.json").write_text(json.dumps(document))
    assert outcomes(verify(pair))[OURS] == (False, False)


def test_an_unknown_variant_lists_the_known_ones(pair):
    with pytest.raises(UsageError, match="no variant 'openvino-int4'") as caught:
        Model.open(pair, variant="openvino-int4")
    assert caught.value.remedy == f"choose one of: {OURS}, float32, float16, static_wi8_ai8"
