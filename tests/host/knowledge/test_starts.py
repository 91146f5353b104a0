"""The starts are listed with the default first, and those that a training's options exclude don't compete."""

from __future__ import annotations

import pytest

from edgetl.card import DatasetInfo
from edgetl.errors import UsageError
from edgetl.host.knowledge.rank_starts import rank_starts
from edgetl.host.knowledge.starts import find_starts


def test_the_default_comes_first_beside_imagenet_weights_of_another_width(empty_home, monkeypatch):
    models = empty_home.folder / "keras" / "models"
    models.mkdir(parents=True)
    (models / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_96_no_top.h5").touch()
    monkeypatch.setenv("KERAS_HOME", str(models.parent))
    found = find_starts(DatasetInfo("/photos", "of photos", 30, 9), (), 96)
    assert [start.weights for start in found] == ["starter", "imagenet", "none"]


def test_a_single_text_is_no_list_of_weights(tmp_path):
    with pytest.raises(UsageError, match="weights must be a list of texts"):
        rank_starts(tmp_path, weights="a.h5")
