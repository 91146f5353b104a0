"""MediaPipe Tasks and OpenVINO Model API give the results of edgetl for a hundred photos.

Scores may differ as the runtimes' builds do: by some 1e-6 in floats, by a step of an int8 output. `tests/others.py` has
the figures of real photos.
"""

from __future__ import annotations

import subprocess

import boxed
import cv2
import numpy as np
import others
import pytest
from homes import LOOSE_TARGET

from edgetl.vision.photo import read_photo

pytestmark = pytest.mark.peer
PHOTOS = 100
TURNS = ((1, 1), (1, -1), (-1, 1))
SCORE = 0.03
"""The largest difference of two scores: a step of a quantized logit, 0.1, changes a score by at most 1/40."""


@pytest.fixture(scope="module", params=[".tflite", ".xml"])
def suffix(request):
    """The suffix of the files that the software opens; skipped if its environment can't be made."""
    if request.param == ".xml":
        pytest.importorskip("openvino")
        pytest.importorskip("nncf")
    try:
        others.OTHERS[request.param].python()
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"pip can't install {others.OTHERS[request.param].package}: {error}")
    return request.param


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """A function that converts a model by some recipes for both runtimes, once."""
    from edgetl.host.convert import job

    target = tmp_path_factory.mktemp("targets") / "both.toml"
    gate = "max_map_drop = 1.0\nmax_map50_drop = 1.0\nmin_box_agreement = 0.0\n"
    target.write_text(LOOSE_TARGET.replace('["tflite"]', '["tflite", "openvino"]') + gate)
    made = {}

    def converted(name, recipe):
        if name not in made:
            made[name] = job.convert(name, str(target), recipes=("static_wi8_ai8", recipe))
        return made[name]

    return converted


def file_of(bundle, recipe, suffix):
    return next(bundle.folder / v.file for v in bundle.runnable if v.recipe == recipe and v.file.endswith(suffix))


@pytest.fixture(scope="module")
def drawn_cards(tmp_path_factory):
    root, rng = tmp_path_factory.mktemp("drawn"), np.random.default_rng(11)
    for number in range(PHOTOS):
        cells = rng.permutation(4)[: int(rng.integers(1, 4))].tolist()
        corners = [(c % 2 * 80 + int(rng.integers(2, 30)), c // 2 * 60 + int(rng.integers(2, 20))) for c in cells]
        rows = [(str(rng.choice(["ace", "jack", "king", "ten"])), x, y, x + 44, y + 36) for x, y in corners]
        boxed.draw_photo(root / f"{number:03}.png", rows)
    return sorted(root.iterdir())


@pytest.fixture(scope="module")
def drawn_shapes(shapes, tmp_path_factory):
    """The photos that the model was trained on, and mirrored copies of them."""
    root = tmp_path_factory.mktemp("drawn")
    turned = (frame[::a, ::b] for frame in map(read_photo, sorted(shapes.rglob("*.png"))) for a, b in TURNS)
    for number, frame in zip(range(PHOTOS), turned, strict=False):
        cv2.imwrite(str(root / f"{number:03}.png"), frame)
    return sorted(root.iterdir())


def test_other_software_shows_the_boxes_of_a_portable_detector(suffix, detector, bundles, drawn_cards, tmp_path):
    file = file_of(bundles(detector.card.name, "portable"), "portable", suffix)
    agreed = others.compare(file, others.as_input(file, drawn_cards, tmp_path))
    assert agreed.objects > 2 * PHOTOS, str(agreed)
    assert agreed.labels >= 0.99, str(agreed)
    assert agreed.boxes >= 0.95, str(agreed)
    assert agreed.score <= SCORE, str(agreed)


@pytest.mark.parametrize("recipe", ["static_wi8_ai8", "float16"])
def test_other_software_gives_the_scores_of_a_classifier(recipe, suffix, shapes_model, bundles, drawn_shapes, tmp_path):
    file = file_of(bundles(shapes_model.card.name, "float16"), recipe, suffix)
    agreed = others.compare(file, others.as_input(file, drawn_shapes, tmp_path))
    assert agreed.objects == PHOTOS
    assert agreed.labels >= 0.99, str(agreed)
    assert agreed.score <= SCORE, str(agreed)
