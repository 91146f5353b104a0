from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.host.convert.gate.golden_set import COUNT, choose, write_photos

CARD = ModelCard("cards", "detection", ("ace", "king", "ten"), InputSpec(96, 96), DetectorDecoding((8,)))


def test_each_next_golden_photo_shows_the_class_shown_least():
    shown = [(k % 3,) for k in range(60)]
    chosen = choose(shown, seed=1)
    assert [shown[i][0] for i in chosen] == [0, 1, 2, 0, 1, 2, 0, 1]
    assert len(set(chosen)) == COUNT
    assert choose(shown, seed=1) == chosen
    assert choose(shown, seed=2) != chosen


@pytest.mark.parametrize("seed", range(5))
def test_every_class_is_in_the_golden_set(seed):
    shown = [(0, 0)] * 30 + [(0, 1)] * 10 + [(0, 1, 2)]
    chosen = choose(shown, seed)
    assert {c for i in chosen for c in shown[i]} == {0, 1, 2}


@pytest.mark.parametrize("seed", range(5))
def test_the_golden_set_has_one_photo_of_the_background(seed):
    chosen = choose([()] * 20 + [(0,)] * 20, seed)
    assert sum(position < 20 for position in chosen) == 1
    assert len(choose([()] * 4 + [(0,)] * 2, seed)) == 6, "where there is nothing else, it has to do"
    assert len(choose([(0,)] * 3, seed)) == 3


def test_golden_photos_are_labelled_with_their_objects(tmp_path):
    paths = [tmp_path / f"{k}.png" for k in range(2)]
    for path in paths:
        cv2.imwrite(str(path), np.full((30, 40, 3), 7, np.uint8))
    photos = write_photos(tmp_path, CARD, paths, [(2, 0, 2), ()], [1, 0])
    assert [photo.label for photo in photos] == ["background", "ace, 2 ten"]
    assert [photo.file for photo in photos] == ["golden/00.png", "golden/01.png"]
