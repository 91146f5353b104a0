"""A turn of the loop: what a device was unsure of under another light makes the next model better there."""

from __future__ import annotations

import pytest
from loop import turn


@pytest.mark.slow
def test_what_was_collected_under_another_light_makes_the_next_model_better_there(empty_home):
    """`python bench/loop_turn.py` measures by how much, and compares with photos drawn by lot."""
    pytest.importorskip("tensorflow")
    made = turn(empty_home.folder / "turn", seed=1)
    assert 20 <= made.photos <= 60
    assert made.collected - made.before >= 0.05
    assert made.first[1] >= made.first[0] - 0.05, "what it knew before it still knows"
