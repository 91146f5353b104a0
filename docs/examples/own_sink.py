"""Writes results into an SQLite database: a sink of your own beside those of `edgetl run`.

python docs/examples/own_sink.py models/parts/rpi film.mp4 results.db
"""

import argparse
import sqlite3
from types import TracebackType
from typing import Self

import edgetl


class Database:
    """A sink that writes the best label of every frame, and every event.

    Args:
        path: the database's file.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._connection = sqlite3.connect(self._path)
        self._connection.execute("CREATE TABLE IF NOT EXISTS results (frame INTEGER, label TEXT, age_ms REAL)")
        self._connection.execute("CREATE TABLE IF NOT EXISTS events (kind TEXT, text TEXT)")
        return self

    def write(self, observation: edgetl.Observation) -> None:
        """Takes a frame with its result; the frame's picture belongs to all sinks, so don't change it."""
        label = next(iter(observation.result.labels), None)
        row = (observation.frame.index, label, observation.age_ms)
        self._connection.execute("INSERT INTO results VALUES (?, ?, ?)", row)

    def notify(self, event: edgetl.Event) -> None:
        """Takes an event, such as a lost camera or an object that crosses a line."""
        self._connection.execute("INSERT INTO events VALUES (?, ?)", (event.kind, event.text))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.commit()
        self._connection.close()


def main() -> None:
    """Reads the arguments and runs the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", help="a bundle's folder, such as models/parts/rpi")
    parser.add_argument("source", help="a camera, a film or photos")
    parser.add_argument("database", help="the SQLite file to write")
    arguments = parser.parse_args()
    settings = edgetl.RunSettings(model=arguments.bundle, source=arguments.source)
    print(edgetl.run(settings, sinks=[Database(arguments.database)]))


if __name__ == "__main__":
    main()
