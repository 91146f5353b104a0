"""Writes bench/reference/ratios.json: what each stage takes beside its calibration load, the least of some runs.

    python bench/write_ratios.py 'AMD EPYC, family 26'

The name is that of the kind of machine; the ratios of other kinds stay as they are, so measure on those, too. Do it
where a stage was made faster, or slower on purpose, on a machine that does nothing else; commit the file with the
change. The least, as the gate takes the least of its attempts.
"""

import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import bench_models
import stages

RUNS = 5


def main(machine: str) -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        classifier = bench_models.classifier(folder / "classifier.tflite")
        detector = bench_models.detector(folder / "detector.tflite")
        film = stages.write_film(folder / "film.mp4")
        found = {}
        for stage in stages.stages(classifier, detector, film, stack):
            ratios = [stages.ratio(stage) for _ in range(RUNS)]
            found[stage.name] = round(min(ratios), 3)
            print(f"{stage.name:<34}{found[stage.name]:>8.3f}   to {max(ratios):.3f}")
    kept = json.loads(stages.REFERENCE.read_text())
    stages.REFERENCE.write_text(json.dumps(kept | {machine: found}, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
