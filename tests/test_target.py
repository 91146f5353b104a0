from __future__ import annotations

from typing import get_args

import pytest
from homes import LOOSE_TARGET

from edgetl.errors import UsageError
from edgetl.target import Budget, Gate, RecipeName, Target, target_names, variant_name


@pytest.mark.parametrize("name", target_names())
def test_every_shipped_target_is_valid(name):
    target = Target.load(name)
    assert target.name == name
    assert target.title
    assert set(target.recipes) <= set(get_args(RecipeName))
    assert len(set(target.recipes)) == len(target.recipes)
    assert len(set(target.runtimes)) == len(target.runtimes) > 0
    assert len(target.candidates()) == len(target.recipes) * len(target.runtimes)
    assert 0 <= target.gate.max_accuracy_drop <= 0.05
    assert 0.8 <= target.gate.min_agreement <= 1
    assert 0 <= target.gate.max_map50_drop <= target.gate.max_map_drop <= 0.05
    assert 0.7 <= target.gate.min_box_agreement <= 1


def test_the_documented_targets_are_shipped():
    assert {"rpi", "rpi4", "rpi5", "x86", "x86-openvino", "nuc"} <= set(target_names())


def test_the_shipped_targets_have_the_right_runtimes():
    runtimes = {name: Target.load(name).runtimes for name in target_names()}
    assert runtimes == {
        **dict.fromkeys(("rpi", "rpi4", "rpi5", "x86"), ("tflite", "openvino")),
        "x86-openvino": ("openvino",),
        "nuc": ("openvino", "tflite"),
    }
    assert Target.load("nuc").budget == Target.load("x86").budget


def own(tmp_path, runtimes, recipes):
    path = tmp_path / "board.toml"
    path.write_text(LOOSE_TARGET.replace('["tflite"]', runtimes).replace('["float32", "float16"]', recipes))
    return Target.load(str(path))


def test_candidates_are_each_recipe_for_each_runtime_that_has_it(tmp_path):
    target = own(tmp_path, '["openvino", "tflite"]', '["dynamic_wi8_afp32", "float32"]')
    assert target.candidates() == (("tflite", "dynamic_wi8_afp32"), ("openvino", "float32"), ("tflite", "float32"))
    assert target.candidates(recipes=("float16",), runtimes=("tflite",)) == (("tflite", "float16"),)
    assert target.candidates(recipes=("dynamic_wi8_afp32",), runtimes=("openvino",)) == ()


def test_portable_comes_last_and_alone_adds_to_the_targets_own(tmp_path):
    target = own(tmp_path, '["tflite"]', '["float16", "float32"]')
    assert [recipe for _, recipe in target.candidates()] == ["float16", "float32"]
    assert [recipe for _, recipe in target.candidates(("portable",))] == ["float16", "float32", "portable"]
    assert [recipe for _, recipe in target.candidates(("portable", "float32"))] == ["float32", "portable"]
    own_of_it = own(tmp_path, '["tflite", "openvino"]', '["portable"]')
    assert own_of_it.candidates() == (("tflite", "portable"), ("openvino", "portable"))


@pytest.mark.parametrize(
    ("runtimes", "recipes", "message"),
    [
        ("[]", '["float32"]', "runtimes must name one or more"),
        ('["onnx"]', '["float32"]', r"runtimes\[0\] must be one of tflite, openvino, got 'onnx'"),
        ('["openvino"]', '["dynamic_wi8_afp32"]', "openvino can't be made by dynamic_wi8_afp32"),
    ],
)
def test_runtimes_without_any_of_the_recipes_are_refused(tmp_path, runtimes, recipes, message):
    with pytest.raises(UsageError, match=message):
        own(tmp_path, runtimes, recipes)


@pytest.mark.parametrize(("runtime", "name"), [("tflite", "float32"), ("openvino", "openvino-float32")])
def test_a_variants_name_contains_its_runtime(runtime, name):
    assert variant_name(runtime, "float32") == name


def test_a_target_can_be_read_from_the_users_file(tmp_path):
    path = tmp_path / "board.toml"
    path.write_text(LOOSE_TARGET + "\n[budget]\np95_ms = 20\n")
    target = Target.load(str(path))
    assert (target.name, target.recipes, target.threads) == ("board", ("float32", "float16"), 1)
    assert (target.gate, target.budget) == (Gate(1.0, 0.0), Budget(20.0, None))


def test_gate_of_detectors_is_read_and_checked_too(tmp_path):
    path = tmp_path / "board.toml"
    path.write_text(LOOSE_TARGET + "max_map_drop = 0.5\nmax_map50_drop = 0.25\nmin_box_agreement = 0.125\n")
    assert Target.load(str(path)).gate == Gate(1.0, 0.0, 0.5, 0.25, 0.125)
    path.write_text(LOOSE_TARGET + "max_map75_drop = 0.5\n")
    with pytest.raises(UsageError, match=r"unknown key gate.max_map75_drop; allowed: .*min_box_agreement"):
        Target.load(str(path))


def test_a_target_file_may_contain_its_name(tmp_path):
    path = tmp_path / "board.toml"
    path.write_text('name = "other"\n' + LOOSE_TARGET)
    assert Target.load(str(path)).name == "other"


def test_a_target_file_that_isnt_text_is_refused(tmp_path):
    path = tmp_path / "board.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="the target file is not valid") as caught:
        Target.load(str(path))
    assert caught.value.where == str(path)


@pytest.mark.parametrize("name", ["gone", "gone.toml", "", "rpi.json"])
def test_an_unknown_target_is_refused_and_the_known_ones_are_listed(name):
    with pytest.raises(UsageError, match=f"unknown target '{name}'") as caught:
        Target.load(name)
    assert "rpi5" in caught.value.remedy


@pytest.mark.parametrize("value", ["2", "-1.5", "nan"])
def test_a_gate_in_points_in_place_of_shares_is_refused(tmp_path, value):
    path = tmp_path / "board.toml"
    path.write_text(LOOSE_TARGET.replace("max_accuracy_drop = 1.0", f"max_accuracy_drop = {value}"))
    with pytest.raises(UsageError, match=r"gate\.max_accuracy_drop must be (-1 to 1|a finite number)"):
        Target.load(str(path))


@pytest.mark.parametrize("name", ["report", "saved_model", "Card.json"])
def test_a_target_cant_have_the_name_of_a_models_file(tmp_path, name):
    path = tmp_path / "board.toml"
    path.write_text(f'name = "{name}"\n' + LOOSE_TARGET)
    with pytest.raises(UsageError, match=f"name must not be '{name}'"):
        Target.load(str(path))


@pytest.mark.parametrize("threads", [0, -1, 1025, 2000, 10**30])
def test_threads_that_no_bundle_may_have_are_refused(tmp_path, threads):
    path = tmp_path / "board.toml"
    path.write_text(LOOSE_TARGET.replace("threads = 1", f"threads = {threads}"))
    with pytest.raises(UsageError, match="threads"):
        Target.load(str(path))


@pytest.mark.parametrize("name", ["versions", "Versions", "version", "x" * 101])
def test_a_target_with_too_long_a_name_is_refused(tmp_path, name):
    path = tmp_path / "board.toml"
    path.write_text(f'name = "{name}"\n{LOOSE_TARGET}')
    with pytest.raises(UsageError, match="name must"):
        Target.load(str(path))
