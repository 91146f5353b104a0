"""Says what a photo shows: opens a bundle, classifies one photo, and prints the three best classes.

python docs/examples/classify_a_photo.py models/parts/rpi photo.jpg
"""

import argparse

import cv2

from edgetl import Model, ResultFilter


def main() -> None:
    """Reads the arguments, classifies the photo, and prints a line for each class."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", help="a bundle's folder, such as models/parts/rpi")
    parser.add_argument("photo", help="a JPEG or PNG file")
    arguments = parser.parse_args()

    photo = cv2.imread(arguments.photo)  # (H, W, 3) uint8 BGR, or None if it can't be read
    if photo is None:
        parser.error(f"{arguments.photo} can't be read")
    with Model.open(arguments.bundle, only=ResultFilter(threshold=0.0, top_k=3)) as model:
        result = model(photo)
        for label, score in zip(result.labels, result.score, strict=True):
            print(f"{score:6.1%}  {label}")
        print(f"{model.timings.total:.2f} ms with the variant {model.variant}")


if __name__ == "__main__":
    main()
