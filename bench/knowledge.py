"""How good the ranking of starts is: every start is really trained from on every target, and the choices are compared.

    python bench/knowledge.py ../shared/data --imagenet FILE --work FOLDER [--budget 8] [--minutes 30]

FILE is Keras's MobileNetV2 0.35 for 224 px without its top. The starts are it, the starter, random weights, and
classifiers trained from the starter on TrashNet, crops of cards, digits and drawn parts. A model never competes for a
target of its own kind. All trainings take `--budget` epochs at 96 px with one seed. Each result is appended to
`results.json` in FOLDER as soon as it is there, so the script continues after an interruption; it stops after
`--minutes` and prints the tables of the finished targets.

Regret is the top-1 of the best start, found by training from all, minus that of the chosen one: by the ranking alone,
by the ranking and its race as in `--weights best`, and the default without a ranking. There are two tables: one for a
machine with ImageNet's weights, which are the default there, and one without, where the default is the starter.
"""

import argparse
import json
import math
import os
import time
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from knowledge_sets import SOURCES, TARGETS, Set

from edgetl.card import ModelCard
from edgetl.errors import EdgetlError
from edgetl.files import write_atomic
from edgetl.host.knowledge.rank_starts import rank_for
from edgetl.host.networks.backend import import_keras
from edgetl.host.train.checkpoint import Checkpoint
from edgetl.host.train.job import fit
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.resolve import resolve_input
from edgetl.host.train.task import open_task
from edgetl.host.train.trial import run_trial
from edgetl.host.train.weights.source import open_source

SIZE = 96
BUILT_IN = ("starter", "none")
DEFAULTS = ("ImageNet", "starter")


class OutOfTimeError(Exception):
    """The time of this run is up."""


@dataclass
class Bench:
    """The folder of a benchmark: its photos, its models, and the results by name."""

    work: Path
    data: Path
    imagenet: Path
    budget: int
    seed: int
    until: float

    @property
    def file(self) -> Path:
        return self.work / "results.json"

    def result(self, name: str, measure) -> float | dict[str, float]:
        """Returns a result of this run or an earlier one."""
        results = json.loads(self.file.read_text()) if self.file.exists() else {}
        name = f"seed {self.seed}, {self.budget} epochs: {name}"
        if name not in results:
            if time.monotonic() > self.until:
                raise OutOfTimeError
            began = time.process_time()
            results[name] = measure()
            write_atomic(self.file, json.dumps(results, indent=1))
            print(f"{name}: {results[name]} ({time.process_time() - began:.0f} s of processor)", flush=True)
        return results[name]

    def photos(self, name: str, made: Set) -> Path:
        folder = self.work / "photos" / name
        if not folder.exists():
            made.make(self.data, folder)
        return folder

    def options(self, name: str, made: Set, weights: str) -> TrainOptions:
        """The options of a training; every start has the network of the starter."""
        return TrainOptions(
            data=str(self.photos(name, made)),
            name="bench",
            weights=weights,
            size=SIZE,
            flip=made.flip,
            epochs=self.budget,
            seed=self.seed,
            val_fraction=made.val_fraction,
        )

    def train(self, options: TrainOptions, keep: Path | None = None) -> float:
        """Trains without storing; returns the top-1 on the photos held back."""
        import keras

        keras.backend.clear_session()
        source = open_source(options.weights)
        spec = resolve_input(options, source, "classification")
        training = open_task("classification").load(options, source, spec)
        trained = fit(training, Checkpoint(self.work / "checkpoint"))
        if keep:
            trained.model.save(keep)
        return trained.card.metrics["top1"]

    def source_models(self) -> dict[str, Path]:
        """Trains the models that compete, each from the starter; returns their files by the kind of their photos."""
        files = {}
        for name, made in SOURCES.items():
            files[name] = self.work / f"{name}.keras"
            if not files[name].exists():
                if time.monotonic() > self.until:
                    raise OutOfTimeError
                top1 = self.train(self.options(f"source {name}", made, "starter"), files[name])
                print(f"the model of {name}: top-1 {top1:.3f}", flush=True)
        return files


def run_target(bench: Bench, name: str, made: Set, models: dict[str, Path]) -> dict[str, dict[str, float]]:
    """Returns the accuracies of a ranking, of short and of whole trainings, by the starts' names."""
    files = {"ImageNet": bench.imagenet} | {kind: file for kind, file in models.items() if kind != made.kind}
    names = {str(file): start for start, file in files.items()} | {one: one for one in BUILT_IN}

    def rank() -> dict[str, float]:
        ranking = rank_for(bench.options(name, made, "auto"), list(map(str, files.values())), costs=False)
        return {names[row.weights]: row.accuracy.mean for row in ranking.starts if row.weights in names}

    scores = bench.result(f"{name}: ranking", rank)
    trained, short = {}, {}
    for weights, start in names.items():
        stated = bench.options(name, made, weights)
        trained[start] = bench.result(f"{name}: from {start}", lambda stated=stated: bench.train(stated))
    for start in dict.fromkeys(s for default in DEFAULTS for s in (first_of(scores, default), default)):
        weights = next(one for one, shown in names.items() if shown == start)
        stated = bench.options(name, made, weights)

        def trial(stated=stated) -> float:
            card: ModelCard = run_trial(stated, bench.work / "trial").card
            return card.metrics["top1"]

        short[start] = bench.result(f"{name}: short training from {start}", trial)
    return {"ranking": scores, "trained": trained, "short": short}


def competing(scores: dict[str, float], default: str) -> dict[str, float]:
    """The scores of the starts that a machine has where a start is the default."""
    return {start: score for start, score in scores.items() if default == "ImageNet" or start != "ImageNet"}


def first_of(scores: dict[str, float], default: str) -> str:
    """The start with the highest score; the default if it is equal."""
    found = competing(scores, default)
    return max(found, key=lambda start: (found[start], start == default))


def kendall(a: dict[str, float], b: dict[str, float]) -> float:
    """Kendall's tau-b of two scores of the same things, -1..1."""
    pairs = [(a[x] - a[y], b[x] - b[y]) for x, y in combinations(a, 2)]
    agreement = sum(math.copysign(1, p * q) for p, q in pairs if p * q)
    untied = math.sqrt(sum(p != 0 for p, _ in pairs) * sum(q != 0 for _, q in pairs))
    return agreement / untied if untied else 0.0


def print_tables(found: dict[str, dict[str, dict[str, float]]]) -> None:
    """Prints the top-1 of every pair, and how the three ways to choose compare."""
    starts = list(dict.fromkeys(start for one in found.values() for start in one["trained"]))
    print(f"\n| top-1 | {' | '.join(starts)} |\n|{'---|' * (len(starts) + 1)}")
    for name, one in found.items():
        cells = [f"{one['trained'][start]:.3f}" if start in one["trained"] else "" for start in starts]
        print(f"| {name} | {' | '.join(cells)} |")
    for default in DEFAULTS:
        print_choices(found, default)


def print_choices(found: dict[str, dict[str, dict[str, float]]], default: str) -> None:
    """Prints Kendall's tau and the regrets, where a start is the default."""
    print(f"\n| default {default} | tau | ranked first | best | regret: ranking | `--weights best` | default |")
    print("|---|---|---|---|---|---|---|")
    regrets: list[tuple[float, ...]] = []
    taus = []
    for name, one in found.items():
        trained, ranking = (competing(one[key], default) for key in ("trained", "ranking"))
        first, best = first_of(ranking, default), first_of(trained, default)
        raced = first if one["short"][first] >= one["short"][default] else default
        regrets.append(tuple(100 * (trained[best] - trained[start]) for start in (first, raced, default)))
        taus.append(kendall(ranking, trained))
        print(f"| {name} | {taus[-1]:.2f} | {first} | {best} | {' | '.join(f'{r:.1f}' for r in regrets[-1])} |")
    if regrets:
        columns = list(zip(*regrets, strict=True))
        print(f"| mean | {sum(taus) / len(taus):.2f} | | | {' | '.join(f'{sum(c) / len(c):.1f}' for c in columns)} |")
        print(f"| worst | {min(taus):.2f} | | | {' | '.join(f'{max(c):.1f}' for c in columns)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--imagenet", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--budget", type=int, default=8, help="epochs of each training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1e6)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    work = arguments.work.absolute()
    # The models compete as files: the store stays empty, so that nothing else does.
    os.environ |= {"EDGETL_MODELS": str(work / "store"), "EDGETL_CACHE": str(work / "cache"), "KERAS_HOME": str(work)}
    import_keras()
    until = time.monotonic() + 60 * arguments.minutes
    bench = Bench(work, arguments.data, arguments.imagenet.absolute(), arguments.budget, arguments.seed, until)
    found = {}
    try:
        models = bench.source_models()
        for name, made in TARGETS.items():
            found[name] = run_target(bench, name, made, models)
    except OutOfTimeError:
        print(f"the time is up; {len(found)} of {len(TARGETS)} targets are finished")
    except EdgetlError as error:
        raise SystemExit(str(error)) from error
    print_tables(found)


if __name__ == "__main__":
    main()
