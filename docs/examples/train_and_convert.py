"""Goes from a folder of photos to a verified bundle, in Python alone.

python docs/examples/train_and_convert.py photos parts
"""

import argparse

import edgetl


def main() -> None:
    """Reads the arguments, checks the photos, trains, converts, verifies and evaluates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", help="a folder with one folder of photos for each class")
    parser.add_argument("name", help="the name of the model in the store")
    parser.add_argument("--target", default="rpi", help="a device, see `edgetl targets`")
    parser.add_argument("--epochs", type=int, help="epochs of all layers; 0 trains the head only")
    arguments = parser.parse_args()

    progress = edgetl.PrintProgress()  # without it, the functions print nothing
    checked = edgetl.check_data(arguments.photos, progress=progress)
    for warning in checked.warnings:
        print(f"warning: {warning}")
    checked.require_usable()
    options = edgetl.TrainOptions(data=arguments.photos, name=arguments.name, epochs=arguments.epochs)
    model = edgetl.train(options, progress=progress)
    print(f"{model.exact_name}: top-1 {model.card.metrics['top1']:.1%} on the validation photos")

    bundle = edgetl.convert(model.exact_name, target=arguments.target, progress=progress)
    for report in edgetl.verify(bundle.folder):
        print(report)
    print(f"the bundle: top-1 {edgetl.evaluate(bundle.folder).top1:.1%}")
    print(f"copy {bundle.folder} to the device")


if __name__ == "__main__":
    main()
