from __future__ import annotations

import math

import pytest

from edgetl.errors import UsageError
from edgetl.host.train.options import TrainOptions


def options(**changes):
    return TrainOptions(**{"data": "photos", "name": "parts", **changes})


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 95},
        {"size": 1025},
        {"val_fraction": 0.0},
        {"val_fraction": 0.95},
        {"batch": 0},
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"label_smoothing": 1.0},
        {"ema": 1.0},
        {"layer_decay": 0.0},
        {"layer_decay": 1.5},
        {"warmup": 1.1},
        {"epochs": -1},
        {"head_epochs": -1},
        {"freeze": -1},
        {"head": -5},
        {"patience": -1},
        {"augment": -0.5},
        {"rate": 0.0},
        {"rate": -1e-3},
        {"rate": math.nan},
        {"head_rate": 0.0},
        {"weight_decay": -0.1},
        {"seed": -1},
    ],
)
def test_an_option_out_of_range_is_refused_by_name(wrong):
    (key,) = wrong
    with pytest.raises(UsageError, match=f"--{key.replace('_', '-')} ") as caught:
        options(**wrong)
    assert caught.value.exit_code == 2


def test_the_limits_themselves_are_allowed():
    options(size=96, batch=1, dropout=0, ema=0, layer_decay=1, warmup=0)
    options(epochs=0, head_epochs=0, weight_decay=0, seed=0, patience=0)


def test_toml_repeats_every_option(tmp_path):
    made = options(alpha=0.35, head=7, class_weights=True, optimizer="sgd", rate=1e-05, data='a "b" \\ c/é')
    (tmp_path / "train.toml").write_text(made.to_toml(), encoding="utf-8")
    assert TrainOptions.load(tmp_path / "train.toml") == made


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('data = "x"\nname = "x"\nspeed = 3\n', "unknown key speed"),
        ('data = "x"\n', "missing key name"),
        ('data = "x"\nname = "x"\nbatch = "many"\n', "batch must be int"),
        ('data = "x"\nname = "x"\noptimizer = "adagrad"\n', "optimizer must be one of"),
        ("data = \n", "not a train.toml"),
    ],
)
def test_a_config_that_is_no_train_toml_is_refused(text, says, tmp_path):
    (tmp_path / "train.toml").write_text(text)
    with pytest.raises(UsageError, match=says):
        TrainOptions.load(tmp_path / "train.toml")
    with pytest.raises(UsageError, match="no such file"):
        TrainOptions.load(tmp_path / "nowhere.toml")


def test_overrides_take_precedence_over_the_config_and_the_config_over_defaults(tmp_path):
    (tmp_path / "train.toml").write_text(options(batch=8, dropout=0.5).to_toml())
    made = TrainOptions.collect(None, None, {"batch": 4}, tmp_path / "train.toml")
    assert (made.data, made.name, made.batch, made.dropout) == ("photos", "parts", 4, 0.5)
    made = TrainOptions.collect("other", "new", {}, tmp_path / "train.toml")
    assert (made.data, made.name, made.batch) == ("other", "new", 8)


def test_the_default_name_is_that_of_the_photos_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert TrainOptions.collect(str(tmp_path / "screws"), None, {}, None).name == "screws"
    assert TrainOptions.collect(None, None, {}, None).name == "data"
    assert TrainOptions.collect("Hard Hat Sample.v3i.folder", None, {}, None).name == "Hard-Hat-Sample.v3i.folder"
    with pytest.raises(UsageError) as caught:
        TrainOptions.collect("фото", None, {}, None)
    assert "--name" in caught.value.remedy


@pytest.mark.parametrize(
    "name", ["plain", 'a "b" \\ c', "😀", "tab\t", "del\x7f", "\x1b[2J", "caf\udce9", "100%25", "file:"]
)
def test_toml_repeats_every_path(tmp_path, name):
    made = options(data=f"/x/{name}", weights=f"/y/{name}.h5")
    (tmp_path / "train.toml").write_text(made.to_toml(), encoding="utf-8")
    assert TrainOptions.load(tmp_path / "train.toml") == made


def test_the_seed_of_an_earlier_train_toml_is_also_that_of_the_split(tmp_path):
    (tmp_path / "train.toml").write_text('data = "x"\nname = "x"\nseed = 7\n')
    assert TrainOptions.load(tmp_path / "train.toml").split_seed == 7
    made = TrainOptions.collect(None, None, {"seed": 3}, tmp_path / "train.toml")
    assert (made.seed, made.split_seed) == (3, 7)
    (tmp_path / "train.toml").write_text(options(seed=7).to_toml())
    assert TrainOptions.load(tmp_path / "train.toml").split_seed == 0
