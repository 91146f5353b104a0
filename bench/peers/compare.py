"""Where edgetl stands beside what else a frame could be looked at with: one network, one frame, one run, in turn.

    python bench/peers/compare.py classifier models/trash/rpi
    python bench/peers/compare.py detector models/cards/rpi --frame cards.jpg

BUNDLE is a bundle's folder that holds TFLite variants, and OpenVINO's for Model API; a detector's also its portable
form (`edgetl convert cards --recipe portable`). Each peer runs in a process of its own, in an environment that has it
and that is made at the first time; they take turns of a few frames each. Prints a Markdown table of medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from others import OTHERS

WORKER = Path(__file__).parent / "worker.py"
TURNS, FRAMES = 40, 25


@dataclass(slots=True)
class Peer:
    """A way to look at a frame.

    Attributes:
        title: for people.
        worker: its name in worker.py.
        file: the model's.
        python: of its environment.
        times: ms.
    """

    title: str
    worker: str
    file: Path
    python: Path = Path(sys.executable)
    times: list[float] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None

    def start(self, frame: Path, threads: int) -> bool:
        """Starts it; says whether it can look at the frame at all."""
        command = [self.python, WORKER, self.worker, self.file, frame, threads]
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        for line in self.process.stdout:
            if line.strip() == "ready":
                return True
        assert self.process.stderr
        reason = (self.process.stderr.read().strip().splitlines() or ["it ended"])[-1]
        print(f"{self.title} can't run this: {reason}", file=sys.stderr)
        return False

    def turn(self, frames: int) -> None:
        """Looks at some frames."""
        assert self.process
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{frames}\n")
        self.process.stdin.flush()
        self.times += json.loads(self.process.stdout.readline())


def classifiers(bundle: Path) -> list[Peer]:
    int8, float32 = bundle / "static_wi8_ai8.tflite", bundle / "float32.tflite"
    ir = bundle / "openvino-static_wi8_ai8.xml"
    return [
        Peer("edgetl, TFLite int8", "edgetl", int8),
        Peer("bare invoke(), TFLite int8", "invoke", int8),
        Peer("tutorial loop, TFLite int8", "tutorial", int8),
        Peer("MediaPipe ImageClassifier, the same file", "mediapipe_classifier", int8, OTHERS[".tflite"].python()),
        Peer("edgetl, OpenVINO int8", "edgetl", ir),
        Peer("OpenVINO Model API, the same file", "model_api", ir, OTHERS[".xml"].python()),
        Peer("edgetl, TFLite float32", "edgetl", float32),
        Peer("tutorial loop, TFLite float32", "tutorial", float32),
        Peer("OpenCV DNN, the same file", "opencv_dnn", float32),
    ]


def detectors(bundle: Path) -> list[Peer]:
    portable, ir = bundle / "portable.tflite", bundle / "openvino-portable.xml"
    return [
        Peer("edgetl, TFLite int8", "edgetl", bundle / "static_wi8_ai8.tflite"),
        Peer("bare invoke(), TFLite int8", "invoke", bundle / "static_wi8_ai8.tflite"),
        Peer("edgetl, TFLite portable", "edgetl", portable),
        Peer("MediaPipe ObjectDetector, the same file", "mediapipe_detector", portable, OTHERS[".tflite"].python()),
        Peer("edgetl, OpenVINO int8", "edgetl", bundle / "openvino-static_wi8_ai8.xml"),
        Peer("edgetl, OpenVINO portable", "edgetl", ir),
        Peer("OpenVINO Model API, the same file", "model_api", ir, OTHERS[".xml"].python()),
    ]


PEERS = {"classifier": classifiers, "detector": detectors}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=list(PEERS))
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--frame", type=Path, help="a photo, resized to 640 x 480; else noise")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    if given.frame:
        frame = cv2.resize(cv2.imread(str(given.frame)), (640, 480), interpolation=cv2.INTER_AREA)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "frame.npy"
        np.save(file, frame)
        peers = [peer for peer in PEERS[given.task](given.bundle) if peer.file.is_file()]
        running = [peer for peer in peers if peer.start(file, given.threads)]
        for _ in range(TURNS):
            for peer in running:
                peer.turn(FRAMES)
        for peer in running:
            assert peer.process
            peer.process.terminate()
    ours = statistics.median(running[0].times)
    print(f"| 640 x 480 frame to {given.task}'s result, threads: {given.threads} | median ms | beside edgetl |")
    print("|---|---|---|")
    for peer in running:
        median = statistics.median(peer.times)
        print(f"| {peer.title} | {median:.2f} | {median / ours:.2f} |")


if __name__ == "__main__":
    main()
