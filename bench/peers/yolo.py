"""Fine-tunes Ultralytics' YOLO11n on photos with boxes, and measures it as edgetl's detector is measured.

    python bench/peers/yolo.py cards --weights yolo11n.pt --size 320 --epochs 60 --json frontier/yolo-320.json
    python bench/peers/yolo.py cards --weights yolo11n.yaml --size 192 --epochs 1     # random weights: a smoke run

DATA is a folder that edgetl reads, and it is split as `edgetl train` splits it. Ultralytics trains and exports in an
environment of its own, whose Python $EDGETL_ULTRALYTICS_PYTHON names, and which is otherwise made at the first time.
The exported files run here, in OpenVINO with one thread: the pixels go in as bytes, as edgetl's do, and mAP is edgetl's
own (`edgetl.host.evaluate.mean_average_precision`). Times are those of a 640 x 480 frame to boxes, in processor time,
in turn with edgetl's detector of MobileNetV2 0.35 at 320 px, int8, in LiteRT.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
import bench_models
from detector_trials import figures_of
from hot_path import finding, in_turn
from others import Other

from edgetl import Model
from edgetl.card import InputSpec
from edgetl.device.runtime.openvino import OpenVINORuntime, load_library
from edgetl.host.dataset.boxes.load import BoxedDataset, BoxedPhotos, load_boxed
from edgetl.host.dataset.boxes.truth import Found
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation
from edgetl.host.evaluate.predict_boxes import LEAST_SCORE
from edgetl.vision.nms import suppress
from edgetl.vision.photo import read_photo

ULTRALYTICS = Other("ultralytics", "EDGETL_ULTRALYTICS_PYTHON", "ultralytics==8.4.0 openvino nncf", "")
WORKER = Path(__file__).parent / "yolo_worker.py"
SHOWN, IOU, MOST = 0.25, 0.7, 100
"""Ultralytics' display threshold and overlap; and edgetl's number of boxes."""
GREY = 114
OBJECTS, ROUNDS = 10, 400


class Exported:
    """An exported YOLO in OpenVINO, with one thread.

    Args:
        file: the `.xml`.
        size: of the input, px.
        precision: `f32`, or `bf16` for a float file in the 16-bit arithmetic that some processors have.
    """

    def __init__(self, file: Path, size: int, precision: str) -> None:
        openvino = load_library()
        core = openvino.Core()
        steps = openvino.preprocess.PrePostProcessor(core.read_model(file))
        steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        steps.input().preprocess().convert_element_type(openvino.Type.f32).scale(255.0)
        steps.input().model().set_layout(openvino.Layout("NCHW"))
        properties = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        self.runtime, self.size = OpenVINORuntime.of(core.compile_model(steps.build(), "CPU", properties)), size
        self._resized = np.empty((size, size, 3), np.uint8)

    def __call__(self, frame: np.ndarray, threshold: float = SHOWN) -> Found:
        """Returns the boxes in a frame, each class of each cell above the threshold, in px of the frame."""
        scale, left, top = self._place(frame)
        self.runtime.invoke()
        rows = self.runtime.output_view(0)
        kind, cell = np.nonzero(rows[4:] > threshold)
        score = np.ascontiguousarray(rows[4 + kind, cell])
        centre, half = rows[:2, cell].T, rows[2:4, cell].T / 2
        xyxy = np.concatenate([centre - half, centre + half], axis=1).clip(0, self.size).astype(np.float32)
        kept = suppress(xyxy, score, kind, IOU)[:MOST]
        limits = np.array(frame.shape[1::-1] * 2, np.float32)
        boxes = ((xyxy[kept] - np.array([left, top] * 2)) / scale).clip(0, limits)
        return Found(boxes.astype(np.float32), score[kept], kind[kept])

    def _place(self, frame: np.ndarray) -> tuple[float, int, int]:
        """Writes a frame into the input as Ultralytics does; returns its scale and its place."""
        height, width = frame.shape[:2]
        scale = self.size / max(height, width)
        w, h = max(1, round(width * scale)), max(1, round(height * scale))
        left, top = (self.size - w) // 2, (self.size - h) // 2
        pixels = self.runtime.input_view()
        pixels[...] = GREY
        small = cv2.resize(frame, (w, h), interpolation=cv2.INTER_LINEAR)
        cv2.cvtColor(small, cv2.COLOR_BGR2RGB, dst=small)
        pixels[top : top + h, left : left + w] = small
        return scale, left, top


def write_layout(data: BoxedDataset, folder: Path) -> Path:
    """Writes the training and validation photos as YOLO has them; returns the `.yaml`."""
    for part, photos in (("train", data.train), ("val", data.val)):
        images, labels = folder / "images" / part, folder / "labels" / part
        images.mkdir(parents=True), labels.mkdir(parents=True)
        for number, (path, truth) in enumerate(zip(photos.paths, photos.truth, strict=True)):
            (images / f"{number:05}{path.suffix.lower()}").symlink_to(path.resolve())
            sides = np.array(truth.size_wh * 2, np.float64)
            shares = (truth.xyxy[~truth.ignore] / sides).clip(0, 1)
            middles, whole = (shares[:, :2] + shares[:, 2:]) / 2, shares[:, 2:] - shares[:, :2]
            rows = zip(truth.class_id[~truth.ignore].tolist(), np.concatenate([middles, whole], axis=1), strict=True)
            lines = [" ".join([str(kind), *(f"{share:.6f}" for share in row)]) for kind, row in rows]
            (labels / f"{number:05}.txt").write_text("\n".join(lines))
    described = folder / "data.yaml"
    names = dict(enumerate(data.labels))
    described.write_text(
        json.dumps({"path": str(folder), "train": "images/train", "val": "images/val", "names": names})
    )
    return described


def figures(model: Exported, photos: BoxedPhotos, labels: Sequence[str]) -> dict[str, float]:
    """Returns mAP, and mAP at each IoU, by edgetl's own evaluation."""
    found = [model(read_photo(path), LEAST_SCORE) for path in photos.paths]
    return figures_of(DetectionEvaluation(labels, photos.truth, found))


def times(models: dict[str, Exported], frame: np.ndarray) -> dict[str, float]:
    """Returns the median processor time of a frame, ms; the first is that of edgetl's detector."""
    with tempfile.TemporaryDirectory() as folder:
        file = bench_models.detector(Path(folder) / "int8.tflite")
        with Model.open(file, threads=1) as ours:
            ours.only = finding(ours, frame, OBJECTS)
            calls = [lambda: ours(frame), *((lambda model=model: model(frame)) for model in models.values())]  # type: ignore[misc]
            taken = in_turn(calls, ROUNDS, clock=time.process_time_ns)
    return dict(zip(["edgetl 0.35@320", *models], map(statistics.median, taken), strict=True))


def trained(given: argparse.Namespace, data: BoxedDataset, folder: Path) -> dict[str, dict[str, str]]:
    """Fine-tunes and exports in Ultralytics' environment; returns what the worker says."""
    described = write_layout(data, folder / "photos")
    command = [ULTRALYTICS.python(), WORKER, given.weights, described, given.epochs, given.size, given.seed, folder]
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, check=True, cwd=folder)
    answer: dict[str, dict[str, str]] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--weights", required=True, help="a file of pretrained weights, or yolo11n.yaml for random ones"
    )
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    if Path(given.weights).exists():
        given.weights = str(Path(given.weights).resolve())
    random = given.weights.endswith((".yaml", ".yml"))
    name = f"{Path(given.weights).stem}{', random weights (a smoke run)' if random else ''}"
    data = load_boxed(given.data, InputSpec(given.size, given.size, resize="letterbox"))
    with tempfile.TemporaryDirectory() as folder:
        answer = trained(given, data, Path(folder))
        models = {
            f"OpenVINO {kind}": Exported(Path(answer["files"][file]), given.size, precision)
            for kind, file, precision in (
                ("float32", "float32", "f32"),
                ("bfloat16", "float32", "bf16"),
                ("int8", "int8", "f32"),
            )
        }
        frame = cv2.resize(read_photo(data.val.paths[0]), (640, 480), interpolation=cv2.INTER_AREA)
        taken = times(models, frame)
        ours, runtimes = taken.pop("edgetl 0.35@320"), {}
        for kind, model in models.items():
            parts = {part: photos for part, photos in (("validation", data.val), ("test", data.test)) if len(photos)}
            found = {part: figures(model, photos, data.labels) for part, photos in parts.items()}
            runtimes[kind] = {"ms": round(taken[kind], 3), "relative": round(taken[kind] / ours, 3)} | found
    about = {"peer": name, "random": random, "data": str(given.data), "size": given.size, "epochs": given.epochs}
    print(f"{name}, {given.size} px, {given.epochs} epochs; edgetl's 0.35 at 320 px takes {ours:.2f} ms")
    print(f"by Ultralytics' own validation: {answer['own']}")
    for kind, row in runtimes.items():
        print(f"{kind:<20} {row}")
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(about | {"time": answer["time"], "own": answer["own"], "runtimes": runtimes}))


if __name__ == "__main__":
    main()
