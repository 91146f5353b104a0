from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from fakes import VARIANTS
from homes import edgetl, refused

from edgetl.bundle import MANIFEST
from edgetl.device.inference.model import Model
from edgetl.device.measure import machine, tune, tuned_file
from edgetl.device.measure.machine import Machine
from edgetl.device.runtime import UnloadableRuntimeError
from edgetl.errors import GateError, ModelError, UsageError

SLOWNESS = {"float32": 0.001, "float16": 0.003, "static_wi8_ai8": 0.002}
"""The time of a frame with one thread, s; two threads take half."""


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(tune, "_LEAST_SECONDS", 0.0)


@pytest.fixture
def paced(monkeypatch):
    """Models with a fixed time for a frame; returns these times, which a test may change."""
    slowness = dict(SLOWNESS)
    real_open, real_call = Model.open.__func__, Model.__call__

    def opened(cls, path, *, variant=None, threads=None, **rest):
        model = real_open(cls, path, variant=variant, threads=threads, **rest)
        model.pause = slowness[variant] / (threads or 1)
        return model

    def called(self, frame, size_wh=None):
        result = real_call(self, frame, size_wh)
        if hasattr(self, "pause"):
            time.sleep(self.pause)
            self.timings.invoke = 1000 * self.pause
        return result

    monkeypatch.setattr(Model, "open", classmethod(opened))
    monkeypatch.setattr(Model, "__call__", called)
    return slowness


def edit(path, change):
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_the_fastest_variant_is_chosen(bundle, paced):
    found = tune.tune(bundle, (1, 2))
    assert (found.variant, found.threads) == ("float32", 2)
    assert [(t.variant, t.threads) for t in found.trials] == [(v, n) for v in VARIANTS for n in (1, 2)]
    assert all(1000 * SLOWNESS[t.variant] / t.threads <= t.p50_ms <= t.p95_ms for t in found.trials)
    assert found.machine == Machine.here()


def test_int8_that_is_slower_than_float_is_reported(bundle, paced):
    said = str(tune.tune(bundle, (1,)))
    assert "* float32" in said
    assert "static_wi8_ai8 is slower here than float32" in said
    paced["static_wi8_ai8"] = 0.0001
    said = str(tune.tune(bundle, (1,)))
    assert "* static_wi8_ai8" in said
    assert "slower here" not in said


def test_of_equally_fast_ones_fewer_threads_are_chosen(bundle):
    trials = [tune.Trial("a", 2, 1.0, 1.0), tune.Trial("b", 1, 1.02, 1.1), tune.Trial("c", 1, 1.01, 1.1)]
    assert tune._fastest(trials, bundle) == trials[1]
    assert tune._fastest([*trials, tune.Trial("d", 4, 0.5, 0.6)], bundle).variant == "d"


def test_a_variant_with_other_answers_is_no_candidate(bundle, paced):
    weights = bundle / "float32.tflite"
    weights.write_bytes(weights.read_bytes()[:-50])
    found = tune.tune(bundle, (1,))
    assert found.variant == "static_wi8_ai8"
    (damaged,) = [t for t in found.trials if t.reason]
    assert (damaged.variant, damaged.p50_ms) == ("float32", None)
    assert "altered or cut short" in damaged.reason
    assert damaged.reason in str(found)


def test_a_bundle_without_a_usable_variant_is_an_error(bundle, monkeypatch):
    for variant in VARIANTS:
        (bundle / f"{variant}.tflite").unlink()
    with pytest.raises(GateError, match=r"float16: .* missing"):
        tune.tune(bundle, (1,))

    def missing(*_):
        raise UnloadableRuntimeError("no TFLite runtime is installed", remedy="")

    monkeypatch.setattr(tune, "verify", missing)
    with pytest.raises(GateError, match="no TFLite runtime is installed"):
        tune.tune(bundle, (1,))


def test_the_measurement_is_remembered(bundle, paced):
    assert tune.recall(bundle) is None
    said = []
    found = tune.recall_or_tune(bundle, said.append)
    assert tune.recall(bundle) == found == tune.recall_or_tune(bundle, lambda _: pytest.fail("measured again"))
    assert any("fastest on this machine" in line for line in said)


def test_another_machine_and_another_bundle_are_measured_again(bundle, paced, monkeypatch, tmp_path):
    tune.recall_or_tune(bundle)
    copy = shutil.copytree(bundle, tmp_path / "copy")
    assert tune.recall(copy) is not None, "the bundle may be copied on the same machine"
    edit(copy / MANIFEST, lambda manifest: manifest.update(threads=1))
    assert tune.recall(copy) is None
    other = dataclasses.replace(Machine.here(), governor="powersave")
    monkeypatch.setattr(tune.Machine, "here", lambda: other)
    assert tune.recall(bundle) is None


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: edit(path, lambda d: d.update(threads=7)), "edited"),
        (lambda path: edit(path, lambda d: d["machine"].update(cpu="faster")), "edited"),
        (lambda path: edit(path, lambda d: d.pop("sha256")), "edited"),
        (lambda path: edit(path, lambda d: d.update(schema=9)), "schema version 9"),
        (lambda path: path.write_text(path.read_text()[:-40]), "can't be read"),
        (lambda path: path.write_text("[]"), "schema version None"),
    ],
)
def test_an_edited_file_is_refused(bundle, paced, damage, words):
    tune.recall_or_tune(bundle)
    damage(bundle / tuned_file.FILE)
    with pytest.raises(ModelError, match=words) as caught:
        tune.recall(bundle)
    assert caught.value.where.endswith(tuned_file.FILE)
    assert caught.value.remedy


def test_a_measurement_that_cannot_be_stored_is_still_used(bundle, paced, monkeypatch):
    said = []

    def full(*_):
        raise ModelError("the disk is full")

    monkeypatch.setattr(tuned_file, "write_atomic", full)
    assert tune.recall_or_tune(bundle, said.append).variant == "float32"
    assert "the measurement can't be stored for the next time: the disk is full" in said


def test_only_a_bundle_can_be_tuned(tmp_path):
    with pytest.raises(UsageError, match="only a bundle"):
        tune.recall_or_tune(tmp_path / "model.tflite")


def test_tune_stores_the_measurement_and_run_uses_it(bundle, film):
    tuned = edgetl("tune", bundle, "--threads", 1, "--json")
    assert tuned.code == 0, tuned.err
    document = json.loads(tuned.out)
    assert document["threads"] == 1
    assert {trial["variant"] for trial in document["trials"]} == set(VARIANTS)
    assert (bundle / tuned_file.FILE).is_file()
    ran = edgetl("run", bundle, "--variant", "auto", "--source", film, "--quiet")
    assert ran.code == 0, ran.err
    assert "measur" not in ran.err, "it is remembered"
    another = next(name for name in VARIANTS if name != document["variant"])
    edit(bundle / tuned_file.FILE, lambda d: d.update(variant=another))
    refused = edgetl("run", bundle, "--variant", "auto", "--source", film)
    assert refused.code == 4
    assert "edited" in refused.err
    assert "edgetl tune" in refused.err


def test_sigterm_while_it_measures_ends_a_run_at_once(bundle, film, monkeypatch):
    checked, real = [], tune._check

    def interrupted(folder, variant, threads):
        checked.append(variant.name)
        os.kill(os.getpid(), signal.SIGTERM)
        return real(folder, variant, threads)

    monkeypatch.setattr(tune, "_check", interrupted)
    ran = edgetl("run", bundle, "--variant", "auto", "--source", film, "--quiet")
    assert (ran.code, len(checked)) == (1, 1)
    assert "interrupted" in ran.err
    assert not (bundle / tuned_file.FILE).exists()


def test_a_machine_without_details_still_has_a_fingerprint(monkeypatch):
    for name in ("_GOVERNOR", "_BOARD", "_CPUINFO"):
        monkeypatch.setattr(machine, name, Path("/nowhere/at/all"))
    found = Machine.here()
    assert (found.governor, found.cores >= 1, bool(found.cpu)) == ("", True, True)


def test_a_raspberry_pi_is_named_by_its_board(monkeypatch, tmp_path):
    (tmp_path / "model").write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    (tmp_path / "governor").write_text("ondemand\n")
    monkeypatch.setattr(machine, "_BOARD", tmp_path / "model")
    monkeypatch.setattr(machine, "_GOVERNOR", tmp_path / "governor")
    assert (Machine.here().cpu, Machine.here().governor) == ("Raspberry Pi 5 Model B Rev 1.0", "ondemand")
    assert "governor ondemand" in str(Machine.here())


def test_a_folder_that_may_not_be_written_is_refused_before_anything_is_measured(bundle, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: not (Path(path) == bundle and mode == os.W_OK))
    monkeypatch.setattr(tune, "tune", None)
    refused(edgetl("tune", bundle), 2, "tuned.json", "cp -r")
    with pytest.raises(UsageError):
        tuned_file.require_writable(bundle)


def test_the_progress_counts_checks_and_turns(bundle, paced):
    steps = []
    tune.tune(bundle, (1,), step=lambda *step: steps.append(step))
    for what in ("checking", "measuring"):
        done = [(number, total) for name, number, total in steps if name == what]
        assert [number for number, _ in done] == list(range(done[0][1]))


def test_a_long_measurement_is_announced_with_an_estimate(bundle, paced, monkeypatch):
    said = []
    monkeypatch.setattr(tune, "_seconds_of_measuring", lambda *_: 130.0)
    tune.tune(bundle, (1,), said.append)
    assert "about 2 minutes" in said[-1]
