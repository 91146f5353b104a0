"""Frame to result of each task, runtime and recipe, with one and two threads."""

import bench_models
import numpy as np
import pytest

from edgetl import Model
from edgetl.device.runtime.openvino import load_library  # noqa: F401 - before TensorFlow, whose telemetry it keeps off
from edgetl.target import RECIPES

CARDS = {"classification": bench_models.CARD, "detection": bench_models.DETECTOR}
CASES = [
    (task, runtime, recipe)
    for task in CARDS
    for runtime, recipes in RECIPES.items()
    for recipe in recipes
    if recipe != "portable"
]


@pytest.fixture(scope="session")
def networks():
    return {task: bench_models.network(task) for task in CARDS}


@pytest.fixture(scope="session")
def file(networks, tmp_path_factory):
    """Makes the file of a task, a runtime and a recipe, once."""
    from edgetl.host.convert.openvino import export as openvino
    from edgetl.host.convert.openvino import quantize
    from edgetl.host.convert.saved_models import SavedModels
    from edgetl.host.convert.tflite import export as tflite
    from edgetl.host.convert.tflite.metadata import embed

    made = {}

    def contents(task, runtime, recipe):
        network, photos = networks[task]
        models = SavedModels(network)
        if runtime == "tflite":
            return {".tflite": embed(tflite.export(models, recipe, photos), CARDS[task])}
        graph = openvino.graph(models)
        graph = quantize.quantize(graph, photos) if recipe == "static_wi8_ai8" else graph
        return openvino.save(graph, CARDS[task], half=recipe == "float16")

    def once(*case):
        if case not in made:
            folder = tmp_path_factory.mktemp("file")
            for suffix, content in contents(*case).items():
                (folder / f"model{suffix}").write_bytes(content)
            made[case] = next(path for path in folder.iterdir() if path.suffix != ".bin")
        return made[case]

    return once


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("task", "runtime", "recipe"), CASES, ids=lambda value: str(value))
def test_frame_to_result_of(benchmark, file, patches, task, runtime, recipe, threads):
    with Model.open(file(task, runtime, recipe), threads=threads) as model:
        result = benchmark(model, patches)
        again = model(patches)
    assert result.labels == again.labels
    assert np.array_equal(result.score, again.score)
    assert len(result) == 1 or task == "detection"
