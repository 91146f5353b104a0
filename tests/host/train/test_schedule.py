from __future__ import annotations

import math

import keras
import numpy as np
import pytest
from networks import resolved_classifier

from edgetl.host.train.options import TrainOptions
from edgetl.host.train.schedule import freeze, layer_factors, make_optimizer


def options(**changes):
    return resolved_classifier(TrainOptions(**{"data": "x", "name": "x", "weight_decay": 0.0, **changes}))


def rate_at(made, step):
    return float(made._learning_rate(step))


def test_the_rate_rises_then_falls_as_half_a_cosine():
    made = make_optimizer(options(warmup=0.1), 1e-2, 100, {})
    assert rate_at(made, 0) == pytest.approx(1e-3)
    assert rate_at(made, 5) == pytest.approx(5.5e-3)
    assert rate_at(made, 10) == pytest.approx(1e-2)
    assert rate_at(made, 55) == pytest.approx(5e-3)
    assert rate_at(made, 40) == pytest.approx(1e-2 * (1 + math.cos(math.pi / 3)) / 2, rel=1e-4)
    assert rate_at(made, 100) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 1.0])
def test_the_shortest_trainings_learn_something(steps, warmup):
    made = make_optimizer(options(warmup=warmup), 1e-2, steps, {})
    rates = [rate_at(made, step) for step in range(steps)]
    assert all(0 <= rate <= 1e-2 + 1e-9 for rate in rates)
    assert max(rates) >= 1e-3 - 1e-9


def test_without_warm_up_the_first_step_has_the_whole_rate():
    assert rate_at(make_optimizer(options(warmup=0), 1e-2, 10, {}), 0) == pytest.approx(1e-2)


@pytest.mark.parametrize("name", ["sgd", "adamw", "adam", "rmsprop"])
def test_factors_scale_each_variables_update(name):
    plain, slow, still = (keras.Variable([1.0, -2.0], name=n) for n in ("plain", "slow", "still"))
    made = make_optimizer(options(optimizer=name, warmup=0), 0.1, 10, {slow.path: 0.25, still.path: 0.0})
    made.build([plain, slow, still])
    for gradient in ([0.1, 0.2], [0.05, -0.1]):
        made.apply([keras.ops.convert_to_tensor(gradient)] * 3, [plain, slow, still])
    moved = [np.asarray(v) - [1.0, -2.0] for v in (plain, slow, still)]
    assert np.abs(moved[0]).min() > 1e-3
    np.testing.assert_allclose(moved[1], 0.25 * moved[0], rtol=1e-4)
    assert np.all(moved[2] == 0)


def test_the_optimizer_is_the_one_that_the_option_names():
    kinds = {"adamw": keras.optimizers.AdamW, "adam": keras.optimizers.Adam}
    kinds |= {"sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop}
    for name, kind in kinds.items():
        assert isinstance(make_optimizer(options(optimizer=name), 1e-3, 10, {}), kind)
    assert make_optimizer(options(optimizer="adamw", weight_decay=0.05), 1e-3, 10, {}).weight_decay == 0.05


def network():
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3, name="first"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Conv2D(4, 3, name="last"),
        ]
    )


def test_layer_factors_grow_geometrically_to_one():
    found = layer_factors(network(), 0.25)
    by_layer = {path.split("/")[-2]: factor for path, factor in found.items()}
    assert by_layer == pytest.approx({"first": 0.25, "norm": 0.5, "last": 1.0})
    assert set(layer_factors(network(), 1.0).values()) == {1.0}


def test_layer_factors_are_found_by_the_optimizer():
    """The paths that one names are those that the other asks for."""
    inner = network()
    inner(np.zeros((1, 8, 8, 3)))
    whole = keras.Sequential([keras.Input((8, 8, 3)), inner, keras.layers.Flatten(), keras.layers.Dense(2)])
    made = make_optimizer(options(), 1e-3, 10, layer_factors(inner, 0.25))
    made.build(whole.trainable_variables)
    assert made._rates == pytest.approx([0.25, 0.25, 0.5, 0.5, 1, 1, 1, 1])


@pytest.mark.parametrize(
    ("first", "batch_norm", "wanted"),
    [
        (0, "frozen", [True, False, True]),
        (0, "train", [True, True, True]),
        (1, "train", [False, True, True]),
        (2, "train", [False, False, True]),
        (99, "train", [False, False, False]),
    ],
)
def test_freeze_leaves_the_right_layers_to_learn(first, batch_norm, wanted):
    made = network()
    freeze(made, first, batch_norm)
    assert [layer.trainable for layer in made.layers] == wanted
