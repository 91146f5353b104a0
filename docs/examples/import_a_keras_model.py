"""Converts a classifier that was trained elsewhere with Keras, proves the files, and runs the bundle on a photo.

python docs/examples/import_a_keras_model.py model.keras labels.txt photos rocks
"""

import argparse
from pathlib import Path

import edgetl


def main() -> None:
    """Reads the arguments, imports the model, converts it, and verifies the bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a .keras or .h5 file, a SavedModel's folder, or a .tflite file")
    parser.add_argument("labels", type=Path, help="a text file with one label a line, in the order of the outputs")
    parser.add_argument("photos", help="class folders with the names of the labels; half calibrate, half judge")
    parser.add_argument("name", help="the name of the model in the store")
    parser.add_argument("--target", default="rpi", help="a device, see `edgetl targets`")
    arguments = parser.parse_args()

    # How the model's pixels are scaled is read from the file, or measured on the photos; `scale="-1..1"` states it.
    options = edgetl.ImportOptions(arguments.model, arguments.photos, arguments.labels, name=arguments.name)
    stored = edgetl.import_model(options)
    print(f"{stored.name}: top-1 {stored.card.metrics['top1']:.1%} on the photos that judge")

    bundle = edgetl.convert(stored.name, target=arguments.target, progress=edgetl.PrintProgress())
    for report in edgetl.verify(bundle.folder):
        print(report)


if __name__ == "__main__":
    main()
