"""Makes the animated picture of the README from the film of `edgetl demo --task detect`, with what its model finds.

edgetl demo --task detect
python docs/make_pictures.py
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2

PICTURE = Path(__file__).parent / "images" / "demo.webp"
FIRST, STEP, COUNT = 24, 2, 75
"""The first frame that is shown, the distance of two that are shown, and their number: six seconds of a film of 25
frames a second."""
SIZE = (480, 360)
"""Width and height, px: large enough to read the labels, small enough for a page that loads quickly."""
QUALITY = 62
"""WebP's quality, 0 to 100: the picture stays below one megabyte."""
LINE = "belt=0.5,0,0.5,1"
"""Parts are counted across the middle of the picture; `in` is the direction in which the belt moves."""


def annotated_frames(bundle: str, film: str) -> list[cv2.typing.MatLike]:
    """Runs the bundle over the film as a user would, and returns the frames of the annotated film.

    Args:
        bundle: a bundle's folder or a stored model's name.
        film: the film's path.

    Returns:
        (H, W, 3) uint8 BGR pictures.
    """
    with tempfile.TemporaryDirectory() as folder:
        seen = Path(folder) / "seen.mp4"
        options = ["--source", film, "--count", LINE, "--save", str(seen), "--quiet"]
        subprocess.run([sys.executable, "-m", "edgetl", "run", bundle, *options], check=True)
        capture = cv2.VideoCapture(str(seen))
        frames = []
        while (read := capture.read())[0]:
            frames.append(read[1])
        capture.release()
    return frames


def main() -> None:
    """Reads the arguments and writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", nargs="?", default="models/demo-detect/rpi")
    parser.add_argument("film", nargs="?", default="demo-detect/film.mp4")
    arguments = parser.parse_args()
    frames = annotated_frames(arguments.bundle, arguments.film)[FIRST::STEP][:COUNT]
    animation = cv2.Animation()
    animation.frames = [cv2.resize(frame, SIZE, interpolation=cv2.INTER_AREA) for frame in frames]
    animation.durations = [STEP * 40] * len(frames)
    cv2.imwriteanimation(str(PICTURE), animation, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    print(f"{PICTURE}: {len(frames)} frames, {PICTURE.stat().st_size >> 10} kB")


if __name__ == "__main__":
    main()
