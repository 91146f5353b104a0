"""What surrounds a frame: a camera's JPEG, the run on a film."""

import cv2
import numpy as np
import pytest
import stages
from bench_models import CARD, DETECTOR

from edgetl import Model
from edgetl.device.camera import open_camera
from edgetl.device.camera.shot import Jpeg
from edgetl.device.run import loop
from edgetl.device.sinks.jsonl import JsonLines
from edgetl.vision.preprocess import Preprocessor

SIZES = [(480, 640), (720, 1280), (1080, 1920)]


@pytest.mark.parametrize("card", [CARD, DETECTOR], ids=["stretch", "letterbox"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[1]}x{size[0]}")
def test_jpeg_to_input(benchmark, size, card):
    picture = np.full((*size, 3), (10, 20, 30), np.uint8)
    data = cv2.imencode(".jpg", picture)[1].tobytes()
    preprocess = Preprocessor(card.input)
    out = np.zeros((card.input.height, card.input.width, 3), np.uint8)

    def take() -> None:
        preprocess(Jpeg(data, 0.0, 0, card.input).decode().image, out)

    benchmark(take)
    middle = out[card.input.height // 2, card.input.width // 2]
    assert np.abs(middle.astype(int) - (30, 20, 10)).max() <= 2


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return stages.write_film(tmp_path_factory.mktemp("film") / "film.mp4")


def test_run_on_a_film(benchmark, int8_file, film):
    """Seconds for 120 frames, model and film opened anew."""

    def run() -> loop.Summary:
        with (
            Model.open(int8_file, threads=1) as model,
            open_camera(str(film), model.card.input) as camera,
            JsonLines("/dev/null") as lines,
        ):
            return loop.run(model, camera, [lines])

    assert benchmark.pedantic(run, rounds=5, warmup_rounds=1).frames == stages.FILM_FRAMES
