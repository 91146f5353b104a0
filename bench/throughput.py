"""The whole loop over a film, read to JSON Lines, against what the bare interpreter's invoke() alone would give.

    python bench/throughput.py models/trash/rpi/static_wi8_ai8.tflite film.mp4
    python bench/throughput.py models/trash/rpi/static_wi8_ai8.tflite --mjpeg

The first prints the share of invoke()'s frames a second that the loop reaches, all in turn in one run: of one
interpreter with all threads, frame after frame, and of as many interpreters at once with a thread each, as the loop has
them. Where these keep every core busy, whatever else a frame takes is missing from the second share. The other makes a
1080p MJPEG film and compares the loop with the same loop over fully decoded pictures; it exits with 1 where that is
less than 1.6 times as fast.
"""

import argparse
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edgetl.device.camera import open_camera
from edgetl.device.camera.protocol import CameraRequest
from edgetl.device.run import loop as live
from edgetl.device.run.model_pool import ModelPool
from edgetl.device.sinks.background import Background
from edgetl.device.sinks.jsonl import JsonLines
from edgetl.device.status import Status


def bare(path: Path, threads: int, frames: int, at_once: int = 1) -> tuple[float, float]:
    """Returns the frames a second of invoke() alone, in so many interpreters at once, and ms of a processor a frame."""
    interpreters = [Interpreter(model_path=str(path), num_threads=threads) for _ in range(at_once)]
    for interpreter in interpreters:
        interpreter.allocate_tensors()
        for _ in range(20):
            interpreter.invoke()

    def invoke(interpreter: Interpreter) -> None:
        for _ in range(frames // at_once):
            interpreter.invoke()

    with ThreadPoolExecutor(at_once) as pool:
        start, busy = time.perf_counter(), time.process_time()
        list(pool.map(invoke, interpreters))
        return frames / (time.perf_counter() - start), 1000 * (time.process_time() - busy) / frames


def loop(pool: ModelPool, source: Path, frames: int, *, full: bool = False) -> tuple[float, float, float]:
    """Returns the frames a second of the whole loop, and its ms of a processor a frame: all of them, the loop's own."""
    status, request = Status(), CameraRequest(full=full)
    spec = pool.models[0].card.input
    with tempfile.TemporaryDirectory() as folder, open_camera(str(source), spec, request) as camera:
        lines = JsonLines(f"{folder}/lines.jsonl")
        with Background(lines, "jsonl", 256, lossless=True, status=status, pictures=False) as sink:
            busy, own = time.process_time(), time.thread_time()
            summary = live.run(pool, camera, [sink], max_frames=frames, status=status)
            busy, own = time.process_time() - busy, time.thread_time() - own
    return summary.fps, 1000 * busy / summary.frames, 1000 * own / summary.frames


def make_film(path: Path, size: tuple[int, int], fourcc: str, frames: int) -> None:
    """Draws a film with about as much detail as a photo has (a 1080p JPEG of some 300 kB), and motion in it."""
    noise = np.random.default_rng(0)
    still = np.zeros((size[1], size[0], 3), np.float32)
    for octave in range(1, 8):
        coarse = noise.normal(size=(size[1] >> octave, size[0] >> octave, 3)).astype(np.float32)
        still += 6 * octave * cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    picture = np.clip(still + 110, 0, 255).astype(np.uint8)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*fourcc), 30.0, size)
    for index in range(frames):
        writer.write(np.roll(picture, 8 * index, axis=1))
    writer.release()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("film", type=Path, nargs="?", help="else one of 720p is drawn")
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--mjpeg", action="store_true", help="compare with full decoding instead")
    parser.add_argument("--frames", type=int, default=200, help="a round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        opened = ModelPool.open(given.model, parallel=True, threads=given.threads, labels=given.labels)
        pool = stack.enter_context(opened)
        if given.mjpeg:
            film = Path(folder) / "film.avi"
            make_film(film, (1920, 1080), "MJPG", given.frames)
            compare_decoding(pool, film, given)
            return
        film = given.film or Path(folder) / "film.mp4"
        if not given.film:
            make_film(film, (1280, 720), "mp4v", given.frames)
        compare_invoke(pool, film, given)


def compare_invoke(pool: ModelPool, film: Path, given: argparse.Namespace) -> None:
    rows = []
    for _ in range(given.rounds):
        alone, cost = bare(given.model, given.threads, given.frames)
        fps, busy, own = loop(pool, film, given.frames)
        together, cost_each = bare(given.model, 1, given.frames, given.threads)
        rows.append((alone, together, fps, fps / alone, fps / together, cost, cost_each, busy, own))
    alone, together, whole, share, share_each, cost, cost_each, busy, own = (
        statistics.median(column) for column in zip(*rows, strict=True)
    )
    several = f"{given.threads} interpreters at once"
    print(f"invoke() alone {alone:8.1f} frames a second, {given.threads} threads; {together:8.1f} in {several}")
    print(f"the whole loop {whole:8.1f}")
    print(f"share          {share:8.3f}  ({', '.join(f'{row[3]:.3f}' for row in rows)}); {share_each:.3f} of {several}")
    print(
        f"a frame takes {busy:.2f} ms of a processor, {own:.2f} in the loop's own thread; invoke() alone {cost:.2f}, ",
        end="",
    )
    print(f"with one thread {cost_each:.2f}")


def compare_decoding(pool: ModelPool, film: Path, given: argparse.Namespace) -> None:
    ratios, costs = [], []
    for _ in range(given.rounds):
        reduced, busy, _ = loop(pool, film, given.frames)
        full, busy_full, _ = loop(pool, film, given.frames, full=True)
        ratios.append(reduced / full)
        costs.append(busy_full / busy)
        print(f"smallest scale {reduced:6.1f} frames a second, {busy:.1f} ms of a processor each; ", end="")
        print(f"fully decoded {full:6.1f}, {busy_full:.1f}: {ratios[-1]:.2f} times")
    ratio, cost = statistics.median(ratios), statistics.median(costs)
    print(f"median {ratio:.2f} times as fast, for {1 / cost:.2f} of the time on a processor")
    if ratio < 1.6:
        sys.exit("less than 1.6 times")


if __name__ == "__main__":
    main()
