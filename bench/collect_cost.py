"""What collecting frames costs a run over a film, with and without `--collect` in turn.

    python bench/collect_cost.py models/parts/rpi film.mp4

It prints the processor time and the wall-clock time of a frame as shares of those without `--collect`: the median of
the rounds, and their range. A film is read as fast as the machine allows, so that the frames of a minute are chosen,
compared and written within a second or so; a camera has the whole minute for that. `--minutes 10` repeats the film to
that length, as the first minutes of a run keep the most frames. It exits with 1 if the processor time grows by more
than 5 %.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import cv2

import edgetl


def repeated(film: Path, minutes: float, target: Path) -> Path:
    """Writes a film's frames again and again until the film has that length."""
    reader = cv2.VideoCapture(str(film))
    fps = reader.get(cv2.CAP_PROP_FPS)
    size = (int(reader.get(cv2.CAP_PROP_FRAME_WIDTH)), int(reader.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    writer = cv2.VideoWriter(str(target), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    for _ in range(int(minutes * 60 * fps)):
        found, frame = reader.read()
        if not found:
            reader.set(cv2.CAP_PROP_POS_FRAMES, 0)
            found, frame = reader.read()
        writer.write(frame)
    writer.release()
    return target


def cost(given: argparse.Namespace, film: Path, folder: str | None) -> tuple[float, float]:
    """Returns the processor time and the wall-clock time of a frame, ms."""
    settings = edgetl.RunSettings(
        model=given.model,
        source=str(film),
        labels=given.labels,
        threads=given.threads,
        collect=folder,
        track=given.track,
    )
    busy, start = time.process_time(), time.perf_counter()
    frames = edgetl.run(settings).summary.frames
    return 1000 * (time.process_time() - busy) / frames, 1000 * (time.perf_counter() - start) / frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("film", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--track", action="store_true", help="follow objects without --collect, too")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--minutes", type=float, help="repeat the film to this length")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        film = given.film if given.minutes is None else repeated(given.film, given.minutes, Path(folder) / "film.mp4")
        cost(given, film, None)
        shares, kept = [], 0
        for each in range(given.rounds):
            frames = f"{folder}/frames{each}"
            pairs = [cost(given, film, frames), cost(given, film, None)] if each % 2 else None
            pairs = pairs or [cost(given, film, None), cost(given, film, frames)][::-1]
            shares.append([one / other for one, other in zip(*pairs, strict=True)])
            kept = len(list(Path(frames).glob("*.json")))
    print(f"{kept} frames are kept")
    for name, column in zip(("processor", "wall clock"), zip(*shares, strict=True), strict=True):
        print(f"{name:>10} {statistics.median(column):.3f} ({min(column):.3f} to {max(column):.3f})")
    if statistics.median(share for share, _ in shares) > 1.05:
        sys.exit("more than 5 %")


if __name__ == "__main__":
    main()
