"""A training begins with what the ranking puts first, if it also proves itself; the card and the history say so."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from homes import draw_folders, edgetl

from edgetl.chosen_start import ChosenStart, StartFigure
from edgetl.errors import EdgetlError
from edgetl.host.knowledge.history import ranking_history
from edgetl.host.knowledge.race import winner
from edgetl.host.knowledge.ranking import RankedStart

QUICK = ("--weights", "best", "--size", "96", "--epochs", "2", "--head-epochs", "0", "--batch", "16")


@pytest.fixture
def other_photos(tmp_path):
    """Photos of a task that no model has been trained on."""
    return draw_folders(tmp_path / "other", 6, ("disc", "square"), seed=11)


def test_the_best_start_wins_the_race_and_the_card_says_so(shapes_model, small, other_photos, monkeypatch):
    from edgetl import open_model
    from edgetl.host.knowledge import race
    from edgetl.host.train.trial import Trial

    def made_up(options, folder):
        return Trial(replace(shapes_model.card, metrics={"top1": 0.7 if options.weights == "none" else 0.9}), 2)

    monkeypatch.setattr(race, "run_trial", made_up)
    done = edgetl("train", other_photos, "--name", "raced", *QUICK)
    assert done.code == 0, done.err
    choice = open_model("raced").card.start
    assert "none" in [row.weights for row in choice.ranking]
    assert choice.default == "none"  # the starter doesn't fit the small network
    assert "the training begins with" in done.err
    if choice.race:
        assert [row.weights for row in choice.race] == [choice.ranking[0].weights, "none"]
        assert [row.figure for row in choice.race] == [0.9, 0.7]
        assert choice.epochs == 2
        assert choice.chosen == choice.ranking[0].weights
        assert choice.lost == 0
    told = json.loads(edgetl("models", "rank", "--history", "--json").out)
    assert [past["chosen"] for past in told["rankings"] if past["model"] == "raced@1"] == [choice.chosen]
    edgetl("models", "remove", "raced", "--yes")


@pytest.mark.parametrize(
    ("lead", "verdict", "chosen"),
    [(0.1, "hurts", "a@1"), (-0.1, "helps", "starter"), (0.0, "helps", "a@1"), (0.0, "no better", "starter")],
)
def test_a_tie_goes_to_the_default_unless_the_other_surely_helps(lead, verdict, chosen):
    first = RankedStart("a@1", "photos", "mobilenet_v2", 0.35, verdict)
    default = RankedStart("starter", "photos", "mobilenet_v2", 0.35, "default")
    assert winner(first, default, lead).weights == chosen


def test_best_is_no_source_of_its_own():
    from edgetl.host.train.weights.source import open_source

    with pytest.raises(EdgetlError, match="replaced by the best start"):
        open_source("best")


def test_the_history_counts_how_often_the_first_was_right(home):
    rows = tuple(StartFigure(name, "mobilenet_v2 0.35", figure) for name, figure in (("a@1", 0.9), ("starter", 0.8)))
    right = ChosenStart(rows, "starter", rows, 3, "a@1")
    wrong = replace(right, race=(replace(rows[0], figure=0.5), rows[1]), chosen="starter")
    alone = replace(right, race=(), epochs=0, chosen="starter", ranking=rows[1:])
    assert edgetl("models", "rank", "--history").out == "no stored model was trained with `--weights best`\n"
    for name, start in (("one", right), ("two", wrong), ("three", alone)):
        folder = home.models / name
        folder.mkdir()
        card = json.loads((home.models / "tiny" / "card.json").read_text())
        text = {"ranking": [vars_of(row) for row in start.ranking], "race": [vars_of(row) for row in start.race]}
        card["start"] = text | {"default": start.default, "epochs": start.epochs, "chosen": start.chosen}
        (folder / "card.json").write_text(json.dumps(card))
    told = ranking_history().to_dict()
    assert (told["races"], told["first_was_right"], told["most_lost"]) == (2, 1, pytest.approx(0.3))
    last = edgetl("models", "rank", "--history").out.splitlines()[-1]
    assert last.startswith("the start ranked first was right in 1 of 2 races of 3 trainings")
    assert "lost 30.0 points on average" in last


def vars_of(row):
    return {"weights": row.weights, "network": row.network, "figure": row.figure}


def test_two_starts_of_the_same_name_are_told_apart_by_their_networks(home):
    rows = tuple(StartFigure("imagenet", f"mobilenet_v2 {alpha}", 0.9) for alpha in (1, 0.35))
    choice = ChosenStart(rows, "imagenet", (replace(rows[0], figure=0.7), rows[1]), 3, "imagenet")
    card = json.loads((home.models / "tiny" / "card.json").read_text())
    (home.models / "two").mkdir()
    (home.models / "two" / "card.json").write_text(json.dumps(card | {"start": asdict(choice)}))
    line = "two@1: imagenet (mobilenet_v2 1) was ranked first, but imagenet (mobilenet_v2 0.35) won by 20.0 points"
    assert edgetl("models", "rank", "--history").out.splitlines()[0] == line
