"""Counts the objects that cross the middle of the picture, and prints the counts by direction.

python docs/examples/count_across_a_line.py models/finder/rpi film.mp4
"""

import argparse

import edgetl


def main() -> None:
    """Reads the arguments, runs the detector over the film, and prints a line whenever a count changes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", help="a detector's bundle, such as models/finder/rpi")
    parser.add_argument("source", help="a film, or a camera such as 0")
    arguments = parser.parse_args()

    # From the bottom of the picture to its top: `in` is from the left to the right.
    line = edgetl.Line("middle", ((0.5, 1.0), (0.5, 0.0)))
    settings = edgetl.RunSettings(model=arguments.bundle, source=arguments.source, lines=(line,), save="counted.mp4")
    outcome = edgetl.run(settings)
    for name, counts in outcome.crossings.items():
        print(f"{name}: {counts['in']} in, {counts['out']} out")
    print(f"{outcome.summary.frames} frames; the annotated film is counted.mp4")


if __name__ == "__main__":
    main()
