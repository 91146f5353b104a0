from __future__ import annotations

import dataclasses
import json
import shutil

import cv2
import numpy as np
import pytest
from homes import edgetl

from edgetl.bundle import Bundle
from edgetl.device.measure import bench, bench_report, sustain
from edgetl.device.measure.bench import STAGES, Candidate, Measured
from edgetl.device.measure.machine import Machine
from edgetl.device.measure.thermal import Thermal
from edgetl.errors import GateError, ModelError, UsageError
from edgetl.target import Budget, Target

QUICK = ("--seconds", "0.1")


def measured(*totals, variant="float32", threads=1):
    """A measurement of frames that took these times, ms, mostly in the network."""
    rows = [(0.1 * ms, 0.8 * ms, 0.1 * ms, ms) for ms in totals]
    return Measured(Candidate(variant, threads), 12.0, np.array(rows))


def document(*many):
    return bench_report.to_json("parts", many, Machine.here(), {})


def test_every_variant_and_number_of_threads_is_measured_in_one_run(bundle):
    wanted = bench.candidates(bundle, None, (1, 2), every=True)
    assert len(wanted) == 2 * len({one.variant for one in wanted}) > 2
    found = bench.measure(bundle, wanted, bench.frames_of(bundle), 0.05)
    assert [one.candidate for one in found] == wanted
    for one in found:
        assert len(one.rows) >= 10 * bench._LEAST_FRAMES
        preprocess, invoke, decode, total = one.rows.T
        assert preprocess + invoke + decode == pytest.approx(total)
        assert (one.rows > 0).all()
        assert one.cold_ms > one.percentile("total", 50)


def test_frames_have_the_size_of_a_cameras_frames(bundle, tmp_path):
    photo = np.full((50, 40, 3), 7, np.uint8)
    assert {frame.shape for frame in bench.frames_of(bundle)} == {(480, 640, 3)}
    assert (bench.frames_of(bundle, photo)[0] == 7).all()
    assert bench.frames_of(tmp_path / "model.tflite")[0].shape == (480, 640, 3)


def test_single_file_has_no_variants(bundle):
    file = next(bundle.glob("*.tflite"))
    assert bench.candidates(file, None, (), every=False) == [Candidate("", 1)]
    with pytest.raises(UsageError, match="a single file has no variants"):
        bench.candidates(file, "float32", (), every=False)


def test_a_long_run_reports_temperature_and_clock(bundle, monkeypatch):
    monkeypatch.setattr(sustain, "_ROW_SECONDS", 0.1)
    monkeypatch.setattr(Thermal, "here", lambda: Thermal(70.0, 1500.0, 0))
    [wanted] = bench.candidates(bundle, "float32", (1,), every=False)
    rows = list(sustain.sustain(bundle, wanted, bench.frames_of(bundle), 0.4 / 60))
    assert 2 <= len(rows) <= 5
    assert "70 °C, 1500 MHz" in str(rows[-1])
    assert rows[-1].to_dict()["thermal"] == {"celsius": 70.0, "clock_mhz": 1500.0, "flags": 0}


def test_percentiles_and_frames_a_second():
    one = measured(*range(1, 101))
    assert one.percentile("total", 100) == 100
    assert one.percentile("total", 50) == 50.5
    assert one.fps == pytest.approx(1000 / 50.5)
    assert "100.000" in bench_report.latency_table([one])


def test_document_has_pytest_benchmarks_figures():
    made = json.loads(document(measured(1, 2, 3, 4, 100)))
    row = next(row for row in made["benchmarks"] if row["name"] == "parts[float32-1][total]")
    stats = row["stats"]
    assert (stats["min"], stats["median"], stats["max"], stats["rounds"]) == (0.001, 0.003, 0.1, 5)
    assert (stats["q1"], stats["q3"], stats["hd15iqr"], stats["outliers"]) == (0.002, 0.004, 0.004, "1;1")
    assert row["extra_info"]["p50_ms"] == 3


def test_growth_is_computed_for_each_stage(tmp_path):
    base = tmp_path / "base.json"
    base.write_text(document(measured(1, 2, 3)))
    changes = bench_report.compare_medians(document(measured(2, 2.4, 3)), bench_report.medians(base), base)
    assert [round(change.growth, 6) for change in changes] == [0.2] * len(STAGES)
    bench_report.require_no_growth(changes, 0.21, base)
    with pytest.raises(GateError, match=r"slower than before by more than 19%: parts\[float32-1\]\[total\] \+20.0%"):
        bench_report.require_no_growth(changes, 0.19, base)


@pytest.mark.parametrize("text", ["[]", "{}", '{"benchmarks": [{"name": "a"}]}', "not JSON"])
def test_a_file_that_is_not_a_benchmark_document_is_refused(tmp_path, text):
    (tmp_path / "base.json").write_text(text)
    with pytest.raises(ModelError):
        bench_report.medians(tmp_path / "base.json")


def test_documents_without_common_measurements_are_refused(tmp_path):
    (tmp_path / "base.json").write_text(document(measured(1, variant="float16")))
    with pytest.raises(ModelError, match="there is nothing to compare"):
        bench_report.compare_medians(document(measured(1)), bench_report.medians(tmp_path / "base.json"), tmp_path)


@pytest.fixture(autouse=True)
def without_a_budget(monkeypatch):
    """Whatever this machine is, no target limits its times: it may be busy with other work."""
    monkeypatch.setattr(bench_report, "target_names", list)


@pytest.fixture
def on_its_target(bundle, monkeypatch):
    """A machine of the bundle's target, which has a budget."""
    target = Target.load("x86")
    monkeypatch.setattr(bench_report, "target_names", lambda: [Bundle.open(bundle).manifest.target])
    monkeypatch.setattr(bench_report.Target, "load", lambda name: dataclasses.replace(target, budget=Budget(5, 0.001)))
    return dataclasses.replace(Machine.here(), system="Linux 6.1 x86_64")


def test_the_budget_is_checked_only_on_the_target(bundle, on_its_target):
    name = Bundle.open(bundle).manifest.chosen
    with pytest.raises(GateError, match=r"p95 7.0 ms, 5 are allowed; .* MB, 0.001 are allowed"):
        bench_report.require_budget(bundle, [measured(7, variant=name)], on_its_target)
    elsewhere = dataclasses.replace(on_its_target, system="Linux 6.1 aarch64")
    bench_report.require_budget(bundle, [measured(7, variant=name)], elsewhere)


def test_a_board_belongs_to_the_targets_of_its_name():
    board = dataclasses.replace(Machine.here(), cpu="Raspberry Pi 4 Model B Rev 1.4", system="Linux 6.6 aarch64")
    found = [name for name in ("rpi", "rpi4", "rpi5", "x86") if board.is_a(Target.load(name))]
    assert found == ["rpi", "rpi4"]


def test_command_measures_compares_and_draws(bundle, tmp_path):
    base, picture = tmp_path / "base.json", tmp_path / "out.png"
    done = edgetl("bench", bundle, *QUICK, "--threads", "1", "--json", base, "--plot", picture)
    assert done.code == 0, done.err
    assert "frames a second" in done.out
    assert cv2.imread(str(picture)).shape[1] > 800
    slow = json.loads(base.read_text())
    for row in slow["benchmarks"]:
        row["stats"]["median"] /= 1000
    base.write_text(json.dumps(slow))
    done = edgetl("bench", bundle, *QUICK, "--threads", "1", "--compare", base, "--fail-over", "50%")
    assert done.code == 5
    assert "slower than before by more than 50%" in done.err


def test_json_can_replace_the_file_that_it_is_compared_with(bundle, tmp_path):
    base = tmp_path / "base.json"
    command = ("--seconds", "0", "--threads", "1", "--json", base)
    assert edgetl("bench", bundle, *command).code == 0
    before = json.loads(base.read_text())
    assert {row["name"].partition("[")[0] for row in before["benchmarks"]} == {"tiny"}, "as its card has it"
    for row in before["benchmarks"]:
        row["stats"]["median"] /= 1000
    base.write_text(json.dumps(before))
    moved = shutil.copytree(bundle, tmp_path / "elsewhere")
    done = edgetl("bench", moved, *command, "--compare", base, "--fail-over", "50%")
    assert done.code == 5, done.err
    assert "slower than before by more than 50%: tiny[" in done.err
    after = json.loads(base.read_text())
    assert after["benchmarks"][0]["stats"]["median"] > 10 * before["benchmarks"][0]["stats"]["median"]


def test_json_goes_to_stdout_alone(bundle):
    done = edgetl("bench", bundle, *QUICK, "--json", "-")
    assert done.code == 0
    assert len(json.loads(done.out)["benchmarks"]) == len(STAGES)


@pytest.mark.parametrize("share", ["x%", "-1%", "nan", "inf"])
def test_an_invalid_share_is_refused(bundle, share):
    done = edgetl("bench", bundle, "--fail-over", share)
    assert done.code == 2
    assert "is not a share: write 10% or 0.1" in done.err


def test_a_missing_photo_is_refused(bundle, tmp_path):
    done = edgetl("bench", bundle, "--frame", tmp_path / "none.jpg")
    assert done.code in (1, 2, 3)
    assert "none.jpg" in done.err
