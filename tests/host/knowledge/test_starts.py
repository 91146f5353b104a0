"""The starts are listed with the default first, and those that a training's options exclude don't compete."""

from __future__ import annotations

import pytest

from edgetl.card import DatasetInfo
from edgetl.errors import UsageError
from edgetl.host.knowledge.rank_starts import rank_starts
from edgetl.host.knowledge.ranking import RankedStart, Ranking
from edgetl.host.knowledge.starts import find_starts
from edgetl.host.probe.folds import Estimate


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


@pytest.mark.parametrize("word", ["best", "auto", "none"])
def test_a_word_is_no_further_start(word):
    with pytest.raises(UsageError, match=f"--weights {word} is ranked anyway"):
        find_starts(DatasetInfo("/photos", "of photos", 30, 9), (word,), 96)


def test_the_command_of_a_ranking_is_complete():
    gain = Estimate(0.1, 0.05, 0.15)
    best = RankedStart("a@1", "photos", "mobilenet_v2", 0.35, "helps", gain, gain)
    default = RankedStart("starter", "photos", "mobilenet_v2", 0.35, "default", gain, gain)
    ranking = Ranking("my photos", 30, 2, 96, (best, default))
    assert "`edgetl train 'my photos' --weights a@1 --size 96`" in ranking.conclusion()
