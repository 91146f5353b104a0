"""Runs a model on a camera and calls your own code for each result, for example to switch something.

python docs/examples/live_camera_with_own_code.py models/parts/rpi 0 --label bolt
"""

import argparse

import edgetl


class Switch:
    """Reacts when a label appears and when it disappears.

    Args:
        label: the label to wait for.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._on = False

    def __call__(self, observation: edgetl.Observation) -> None:
        """Is called for every result, in the thread that called `edgetl.run`."""
        on = self._label in observation.result.labels
        if on != self._on:
            self._on = on
            print(f"frame {observation.frame.index}: {self._label} {'appears' if on else 'is gone'}")
            # Switch a relay here, send a message, write to a database …


def main() -> None:
    """Reads the arguments and runs until the source ends or Ctrl-C is pressed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", help="a bundle's folder, such as models/parts/rpi")
    parser.add_argument("source", help="a camera such as 0, a network camera's address, or a film")
    parser.add_argument("--label", default="bolt", help="the label to wait for")
    arguments = parser.parse_args()

    # The run opens a lost camera again, keeps only the newest frame, and ends cleanly at Ctrl-C or SIGTERM.
    settings = edgetl.RunSettings(model=arguments.bundle, source=arguments.source, threshold=0.6, wait=True)
    print(edgetl.run(settings, Switch(arguments.label)))


if __name__ == "__main__":
    main()
