"""A run of weeks in a few minutes: does memory stay flat, does any thread or descriptor stay behind?

    python bench/soak.py models/parts/rpi --frames 200000
    python bench/soak.py models/parts/rpi --frames 200000 --serve      the live page too, with a viewer

Looks at a film over and over, opening it anew each time, through the whole loop, with JSON Lines. Ends with 1 where
the memory at the end is more than 3 % above that after 5,000 frames, or a thread or a descriptor more is there.
"""

import argparse
import http.client
import itertools
import os
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import cv2
import numpy as np

from edgetl import Model
from edgetl.device.camera import open_camera
from edgetl.device.camera.frame import Frame
from edgetl.device.observation import Observation
from edgetl.device.result_selection import ResultSelection
from edgetl.device.run import loop
from edgetl.device.run.model_pool import ModelPool
from edgetl.device.sinks import Sink
from edgetl.device.sinks.background import Background
from edgetl.device.sinks.jsonl import JsonLines
from edgetl.device.status import Status

WARM = 5_000
LIMIT = 1.03


class Again:
    """A film over and over."""

    live, fps, size = False, 30.0, (320, 240)

    def __init__(self, film: Path, model: Model) -> None:
        self.film = film
        self.spec = model.card.input

    def __iter__(self) -> Iterator[Frame]:
        for _ in itertools.count():
            with open_camera(str(self.film), self.spec) as camera:
                yield from camera

    def shots(self) -> Iterator[Frame]:
        return iter(self)

    def close(self) -> None:
        pass


def footprint() -> tuple[float, int, int]:
    """Returns the process's memory in MB, its threads and its descriptors."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    descriptors = len([*Path("/proc/self/fd").iterdir()])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6, threading.active_count(), descriptors


def make_film(path: Path, fourcc: str) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    still = cv2.GaussianBlur(noise, (0, 0), 2)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*fourcc), 30.0, (320, 240))
    for index in range(100):
        writer.write(np.roll(still, 3 * index, axis=1))
    writer.release()
    return path


def look(address: str, stop: threading.Event) -> None:
    """Watches the page's picture as a browser does."""
    with suppress(OSError, http.client.HTTPException), closing(urllib.request.urlopen(address)) as answer:
        while not stop.is_set() and answer.read(1 << 14):
            pass


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--frames", type=int, default=200_000)
    parser.add_argument("--threads", type=int, default=2, help="frames at once")
    parser.add_argument("--serve", action="store_true", help="serve the page, with a viewer")
    parser.add_argument("--mjpeg", action="store_true", help="a film of JPEGs")
    given = parser.parse_args()
    status, marks, stop = Status(), [], threading.Event()

    def note(observation: Observation) -> None:
        count = status.figures().frames if observation.frame.index == 0 else 0
        if count >= WARM and (not marks or count >= marks[-1][0] + given.frames // 10):
            marks.append((count, *footprint()))
            print("{:>9,} frames  {:7.1f} MB  {:3} threads  {:3} descriptors".format(*marks[-1]), flush=True)

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        film = make_film(Path(folder) / ("film.avi" if given.mjpeg else "film.mp4"), "MJPG" if given.mjpeg else "mp4v")
        opened = ModelPool.open(given.model, parallel=True, labels=given.labels, threads=given.threads)
        pool = stack.enter_context(opened)
        model = pool.models[0]
        selection = ResultSelection(model.card)
        lines = JsonLines(f"{folder}/lines.jsonl")
        sinks: list[Sink] = [Background(lines, "jsonl", 256, lossless=True, status=status, pictures=False)]
        for sink in sinks:
            stack.enter_context(sink)
        if given.serve:
            from edgetl.device.sinks.page import Page
            from edgetl.device.sinks.page.endpoint import Endpoint

            served = stack.enter_context(Page(Endpoint.parse("0"), selection, status, stall=60.0))
            sinks.append(served)
            address = f"http://127.0.0.1:{served.endpoint.port}/api/stream.mjpg"
            threading.Thread(target=look, args=(address, stop), daemon=True).start()
        source, most = Again(film, model), given.frames
        options = {"selection": selection, "max_frames": most, "on_observation": note, "status": status}
        summary = loop.run(pool, source, sinks, **options)
        marks.append((summary.frames, *footprint()))
        print("{:>9,} frames  {:7.1f} MB  {:3} threads  {:3} descriptors".format(*marks[-1]))
        stop.set()
    print(summary)
    (_, before, threads, files), (*_, threads_after, files_after) = marks[0], marks[-1]
    after = max(memory for _, memory, *_ in marks[1:])
    # The film's reader has ended by then, and its file is closed.
    fine = after / before <= LIMIT and threads_after <= threads and files_after <= files
    print(f"memory {100 * (after / before - 1):+.1f} %, {'fine' if fine else 'NOT fine'}")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
