"""Other software that opens what edgetl makes: its environments, and how far its answers agree with edgetl's.

By hand, over a folder of photos: python tests/others.py models/NAME/TARGET/VARIANT.tflite|.xml PHOTOS
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from edgetl.device.inference.model import Model
from edgetl.host.dataset.photos import cache_folder
from edgetl.vision.filter import ResultFilter
from edgetl.vision.match_boxes import pair
from edgetl.vision.photo import read_photo
from edgetl.vision.preprocess import GREY, Preprocessor
from edgetl.vision.results import Classification

CACHE = cache_folder()  # the user's own: tests have others later
LARGER = 672
"""To so many px or more a model's own input is enlarged, for others give boxes in whole px.

By an odd number, 7 at most, and without interpolation, so that all of them resize it back exactly.
"""

_MEDIAPIPE = """
import json, sys
from mediapipe import Image
from mediapipe.tasks.python import BaseOptions, vision

file, task, threshold, *photos = sys.argv[1:]
base = BaseOptions(model_asset_path=file)

def boxes(found):
    for one in found.detections:
        best, box = one.categories[0], one.bounding_box
        right, bottom = box.origin_x + box.width, box.origin_y + box.height
        yield best.category_name, best.score, box.origin_x, box.origin_y, right, bottom

if task == "detection":
    options = vision.ObjectDetectorOptions(base_options=base, score_threshold=float(threshold))
    tool = vision.ObjectDetector.create_from_options(options)
    say = lambda photo: list(boxes(tool.detect(photo)))
else:
    tool = vision.ImageClassifier.create_from_options(vision.ImageClassifierOptions(base_options=base))
    say = lambda photo: [(one.category_name, one.score) for one in tool.classify(photo).classifications[0].categories]
with tool:
    for path in photos:
        print(json.dumps(say(Image.create_from_file(path))))
"""

_MODEL_API = """
import json, sys
sys.modules["openvino_telemetry"] = None  # reports every import without asking
import cv2
from model_api.adapters import OpenvinoAdapter, create_core
from model_api.models import Model

file, task, threshold, *photos = sys.argv[1:]
opened = type(Model.create_model(file))
exact = {"INFERENCE_PRECISION_HINT": "f32"}  # bfloat16, OpenVINO's choice for some processors, is not the subject
model = opened.create_model(OpenvinoAdapter(create_core(), file, device="CPU", plugin_config=exact))
for path in photos:
    found = model(cv2.imread(path))
    if task == "detection":
        rows = zip(found.label_names, found.scores, found.bboxes, strict=True)
        print(json.dumps([(name, float(score), *map(int, box)) for name, score, box in rows]))
    else:
        print(json.dumps([(label.name, float(label.confidence)) for label in found.top_labels]))
"""


@dataclass(frozen=True, slots=True)
class Other:
    """Software that opens files of one suffix.

    Attributes:
        name: of its environment.
        variable: names the Python of an environment that has it.
        package: what pip installs; several packages have spaces between them.
        script: is given a model file, its task, a threshold and photos; prints a line of JSON for each photo.
    """

    name: str
    variable: str
    package: str
    script: str

    def python(self) -> Path:
        """The Python of an environment that has it: the variable's, else one in the cache, made now if need be."""
        told = os.environ.get(self.variable)
        if told:
            return Path(told)
        folder = CACHE / "environments" / self.package.replace("==", "-").replace(" ", "+")
        python, whole = folder / "bin" / "python", folder / "whole"
        if not whole.is_file():
            venv.create(folder, with_pip=True, clear=True, symlinks=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *self.package.split()], check=True, timeout=900)
            whole.touch()
        return python

    def ask(self, file: Path, task: str, threshold: float, photos: Sequence[Path]) -> list[list[tuple]]:
        """What it says of each photo: (label, score) or (label, score, left, top, right, bottom), px."""
        command = [self.python(), "-c", self.script, file, task, threshold, *photos]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr[-2000:]
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


OTHERS = {
    ".tflite": Other("mediapipe", "EDGETL_MEDIAPIPE_PYTHON", "mediapipe==1.2.2", _MEDIAPIPE),
    ".xml": Other("model_api", "EDGETL_MODEL_API_PYTHON", "openvino-model-api==0.4.7", _MODEL_API),
}


@dataclass(slots=True)
class Agreement:
    """How far two answers to the same photos agree.

    Attributes:
        objects: labels of photos, or boxes of either side, that were compared.
        placed: of the boxes, those with a partner at IoU 0.9.
        labelled: photos, or boxes with a partner, whose labels are the same.
        named: photos or boxes whose labels were compared.
        differences: of the scores of what was labelled alike.
    """

    objects: int = 0
    placed: int = 0
    labelled: int = 0
    named: int = 0
    differences: list[float] = field(default_factory=list)

    @property
    def labels(self) -> float:
        """Share of the labels that are the same."""
        return self.labelled / max(1, self.named)

    @property
    def boxes(self) -> float:
        """Share of the boxes that have a partner."""
        return self.placed / max(1, self.objects)

    @property
    def score(self) -> float:
        """The largest difference of two scores."""
        return max(self.differences, default=0.0)

    def __str__(self) -> str:
        apart = np.percentile(self.differences, 99) if self.differences else 0.0
        boxes = f", boxes {self.boxes:.1%}" if self.placed else ""
        labels = f"{self.objects} compared, labels {self.labels:.1%}"
        return f"{labels}{boxes}, scores within {self.score:.2g} (99 %: {apart:.2g})"

    def add(self, label: tuple[str, str], score: tuple[float, float]) -> None:
        """Counts a pair."""
        self.named += 1
        self.labelled += label[0] == label[1]
        if label[0] == label[1]:
            self.differences.append(abs(score[0] - score[1]))


def compare(file: Path, photos: Sequence[Path]) -> Agreement:
    """Asks edgetl and the other software that opens a file of its kind.

    Args:
        file: a classifier's or a portable detector's.
        photos: all are asked of.
    """
    agreed = Agreement()
    with Model.open(file) as model:
        threshold = 0.0 if model.card.task == "classification" else min(model.card.detector.thresholds)
        theirs = OTHERS[file.suffix].ask(file, model.card.task, threshold, photos)
        model.only = ResultFilter(threshold=threshold)
        for path, rows in zip(photos, theirs, strict=True):
            ours = model(read_photo(path))
            if isinstance(ours, Classification):
                agreed.objects += 1
                agreed.add((_told(ours.labels[0]), _told(rows[0][0])), (float(ours.score[0]), rows[0][1]))
                continue
            xyxy = np.array([row[2:] for row in rows], np.float32).reshape(-1, 4)
            partner = pair(ours.xyxy, np.zeros(len(ours), np.int64), xyxy, np.zeros(len(rows), np.int64))
            agreed.objects += len(ours) + len(rows)
            for mine, other in enumerate(partner.tolist()):
                if other >= 0:
                    agreed.placed += 2
                    label = _told(ours.labels[mine]), _told(rows[other][0])
                    agreed.add(label, (float(ours.score[mine]), rows[other][1]))
    return agreed


def _told(label: str) -> str:
    return "_".join(label.split())  # as Model API has them


def as_input(file: Path, photos: Sequence[Path], folder: Path) -> list[Path]:
    """Writes photos as the model's input sees them, see `LARGER`: resizing, each software's own, is not compared."""
    with Model.open(file) as model:
        spec = model.card.input
    preprocess, pixels = Preprocessor(spec), np.zeros((spec.height, spec.width, 3), np.uint8)
    written = []
    for number, path in enumerate(photos):
        preprocess(read_photo(path), pixels)
        frame = pixels[..., ::-1] if spec.color == "rgb" else pixels
        times = min(7, 2 * (LARGER // 2 // spec.width) + 1)
        size = spec.width * times, spec.height * times
        written.append(folder / f"{number:04}.png")
        cv2.imwrite(str(written[-1]), cv2.resize(frame, size, interpolation=cv2.INTER_NEAREST))
    return written


def padded(file: Path, photos: Sequence[Path], folder: Path) -> list[Path]:
    """Writes photos between bars that give them the input's shape: MediaPipe stretches every photo."""
    with Model.open(file) as model:
        shape = model.card.input.width / model.card.input.height
    written = []
    for number, path in enumerate(photos):
        frame = read_photo(path)
        height, width = frame.shape[:2]
        bars = max(0, round(width / shape) - height), max(0, round(height * shape) - width)
        (top, left), (bottom, right) = (bar // 2 for bar in bars), (bar - bar // 2 for bar in bars)
        grey = cv2.copyMakeBorder(frame, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(GREY,) * 3)
        written.append(folder / f"padded{number:04}.png")
        cv2.imwrite(str(written[-1]), grey)
    return written


def main(file: Path, folder: Path) -> None:
    """Prints what a file has in common with the other software: on its input's pixels, on photos, on padded ones."""
    from tempfile import TemporaryDirectory

    photos = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    photos = photos[:: max(1, len(photos) // 100)]
    with TemporaryDirectory() as work:
        print(f"{len(photos)} photos as the input sees them: {compare(file, as_input(file, photos, Path(work)))}")
        print(f"{len(photos)} photos themselves: {compare(file, photos)}")
        with Model.open(file) as model:
            letterboxed = model.card.input.resize == "letterbox"
        if letterboxed:
            print(f"{len(photos)} photos padded: {compare(file, padded(file, photos, Path(work)))}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
