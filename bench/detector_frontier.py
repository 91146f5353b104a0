"""The frontier of edgetl's detectors: accuracy against time, over widths and input sizes, beside a fine-tuned YOLO11n.

    python bench/detector_frontier.py FOLDER --measure
    python bench/detector_frontier.py FOLDER --data cards --weights FILE --train 0.35@192 0.35@256
    python bench/detector_frontier.py FOLDER --picture frontier.png --into docs/detector-design.md

FOLDER keeps the results, so each step can be repeated and goes on where it stopped: `latency.json`; the networks; and
every other `.json`, from `bench/detector_trials.py --json` or `bench/peers/yolo.py --json`. `--measure` makes networks
with random weights, whose speed is that of trained ones, converts them as `edgetl convert` does, and measures a
640 x 480 frame to boxes with one thread, in processor time, in turn. Times are told as multiples of the time of
MobileNetV2 0.35 at 320 px, int8, in LiteRT. mAP is that of the trained Keras model on the test photos.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from frontier_tables import REFERENCE, Latency, Pair, Point, budgets, draw, pair_name, times, verdicts

ALPHAS = (0.35, 0.5, 0.75, 1.0)
SIZES = tuple(range(192, 417, 32))
RUNTIMES = {"LiteRT": ".tflite", "OpenVINO": ".xml"}
OBJECTS, ROUNDS, TURN = 10, 24, 10
MARKS = "<!-- frontier: begin -->", "<!-- frontier: end -->"
"""The lines between which `--into` writes the tables."""


def make(folder: Path, pair: Pair) -> None:
    """Writes the int8 files of an untrained detector, unless they are there."""
    if all((folder / f"{pair_name(pair)}{suffix}").is_file() for suffix in RUNTIMES.values()):
        return
    import bench_models

    from edgetl.card import InputSpec
    from edgetl.host.convert.openvino.export import graph, save
    from edgetl.host.convert.openvino.quantize import quantize
    from edgetl.host.convert.saved_models import SavedModels
    from edgetl.host.convert.tflite.export import export
    from edgetl.host.convert.tflite.metadata import embed

    alpha, size = pair
    network, photos = bench_models.network("detection", alpha, size)
    card = replace(bench_models.DETECTOR, input=InputSpec(size, size, resize="letterbox"))
    models = SavedModels(network)
    files = {".tflite": embed(export(models, "static_wi8_ai8", photos), card)}
    files |= dict(reversed(save(quantize(graph(models), photos), card).items()))  # the `.xml` last: it is complete then
    for suffix, content in files.items():
        (folder / f"{pair_name(pair)}{suffix}").write_bytes(content)


def measure(folder: Path, pairs: Sequence[Pair]) -> Latency:
    """Returns the time of a frame of each pair and runtime, ms and relative to `REFERENCE`, as medians over rounds."""
    from bench_models import patches
    from hot_path import finding

    from edgetl import Model

    frame, models = patches(), {}
    for pair in pairs:
        for runtime, suffix in RUNTIMES.items():
            model = models[pair, runtime] = Model.open(folder / f"{pair_name(pair)}{suffix}", threads=1)
            model.only = finding(model, frame, OBJECTS)
    rounds: list[dict[tuple[Pair, str], float]] = []
    for number in range(ROUNDS + 1):
        taken = {key: turn(model, frame) for key, model in models.items()}
        rounds += [taken] if number else []
    found: Latency = {}
    for pair, runtime in models:
        own = [taken[pair, runtime] for taken in rounds]
        shares = [taken[pair, runtime] / taken[REFERENCE, "LiteRT"] for taken in rounds]
        low, middle, high = statistics.quantiles(shares, n=4)
        row = {"ms": statistics.median(own), "relative": middle, "low": low, "high": high}
        found.setdefault(pair_name(pair), {})[runtime] = {name: round(value, 4) for name, value in row.items()}
    return found


def turn(model: object, frame: object) -> float:
    """Returns the median processor time of some frames in a row, ms; the first two prepare the processor's caches."""
    taken = []
    for _ in range(TURN):
        start = time.process_time_ns()
        model(frame)  # type: ignore[operator]
        taken.append((time.process_time_ns() - start) / 1e6)
    return statistics.median(taken[2:])


def train(folder: Path, pair: Pair, data: str, weights: str, seed: int) -> None:
    """Trains a pair by `bench/detector_trials.py`, unless its result is there."""
    result = folder / f"{Path(data).name}-{pair_name(pair)}-{seed}.json"
    if result.is_file():
        return
    command = [sys.executable, Path(__file__).with_name("detector_trials.py"), data, "--weights", weights]
    command += ["--alpha", pair[0], "--size", pair[1], "--seed", seed, "--json", result]
    subprocess.run(list(map(str, command)), check=True)


def results(folder: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """Yields the kind, `trial` or `yolo`, and the content of each result in a folder."""
    for file in sorted(folder.glob("*.json")):
        content = json.loads(file.read_text())
        if "options" in content and not content["changes"]:
            yield "trial", content
        elif "runtimes" in content:
            yield "yolo", content


def points(folder: Path, data: str, latency: Latency) -> tuple[list[Point], list[Point]]:
    """Returns what was trained on a data set: edgetl's detectors, means over seeds, and YOLO's."""
    trials: dict[Pair, list[dict[str, float]]] = {}
    theirs = []
    for kind, found in results(folder):
        options = found.get("options", found)
        if Path(options["data"]).name != data:  # type: ignore[index]
            continue
        if kind == "trial":
            network = found.get("network", {})
            alpha, size = (network.get(name) or options[name] for name in ("alpha", "size"))  # type: ignore[attr-defined,index]
            pair = (float(alpha or REFERENCE[0]), int(size or REFERENCE[1]))
            trials.setdefault(pair, []).append(found.get("test") or found["validation"])  # type: ignore[arg-type]
            continue
        for runtime, row in found["runtimes"].items():  # type: ignore[attr-defined]
            figures = row.get("test") or row["validation"]
            name = f"{found['peer']}, {found['size']} px, {runtime}"
            theirs.append(Point(name, row["relative"], figures["map"], figures["0.50"]))
    ours = []
    for pair, figures in trials.items():
        if pair_name(pair) not in latency:
            continue
        quickest = min(latency[pair_name(pair)].values(), key=lambda row: row["relative"])
        means = [statistics.mean(row[name] for row in figures) for name in ("map", "0.50")]
        ours.append(Point(pair_name(pair), quickest["relative"], *means, seeds=len(figures)))
    return ours, theirs


def parsed(text: str) -> Pair:
    found = re.fullmatch(r"([\d.]+)@(\d+)", text)
    if not found:
        raise argparse.ArgumentTypeError("give ALPHA@SIZE, for example 0.35@320")
    return float(found[1]), int(found[2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--measure", action="store_true", help="measure the time of all widths and sizes")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="measure only these sizes, px")
    parser.add_argument("--data", help="the photos with boxes; or the name of their folder in the results")
    parser.add_argument("--train", type=parsed, nargs="+", default=[], metavar="ALPHA@SIZE")
    parser.add_argument("--weights", default="starter", help="of the widths to train")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path, help="draw both frontiers, a .png or .svg")
    parser.add_argument("--into", type=Path, help="also write the tables into this file, between the marks")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    kept = given.folder / "latency.json"
    if given.measure:
        pairs = sorted({REFERENCE} | {(alpha, size) for alpha in ALPHAS for size in given.sizes})
        for pair in pairs:
            make(given.folder, pair)
        kept.write_text(json.dumps(measure(given.folder, pairs)))
    for pair in given.train:
        train(given.folder, pair, given.data, given.weights, given.seed)
    latency: Latency = json.loads(kept.read_text()) if kept.is_file() else {}
    ours, theirs = points(given.folder, Path(given.data).name, latency) if given.data else ([], [])
    text = "\n\n".join(table for table in (times(latency), budgets(latency, ours), verdicts(ours, theirs)) if table)
    print(text)
    if given.picture:
        draw(given.picture, ours, theirs)
    if given.into:
        before, rest = given.into.read_text().split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        given.into.write_text(f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{after}")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
