"""Weights of one task help the next one: "0 or not", then ten digits."""

from __future__ import annotations

import gzip
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgetl.host.train.job import train
from edgetl.host.train.options import TrainOptions

SEED = 1


def read_digits(folder):
    """(10000, 28, 28) uint8 digits and (10000,) their values, from idx files."""
    pixels = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())
    values = gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes())
    return np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28), np.frombuffer(values, np.uint8, offset=8)


def write_digits(root: Path, digits, rows, labels):
    """Writes rows of the digits as class folders of PNGs."""
    for row, label in zip(rows.tolist(), labels, strict=True):
        (root / label).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / label / f"{row}.png"), digits[row])


@pytest.mark.slow
@pytest.mark.real_data
def test_reused_weights_beat_the_same_training_from_random_ones(data_folder, host_env, tmp_path):
    """Same photos, same options, same steps: only the weights that it starts from differ."""
    digits, values = read_digits(data_folder / "classification" / "mnist_t10k")
    order = np.random.default_rng(SEED).permutation(len(digits))
    binary = np.concatenate([order[values[order] == 0][:500], order[values[order] != 0][:500]])
    write_digits(tmp_path / "binary", digits, binary, ["zero"] * 500 + ["other"] * 500)
    fresh = order[~np.isin(order, binary)]
    ten = np.concatenate([fresh[values[fresh] == digit][:60] for digit in range(10)])
    write_digits(tmp_path / "ten", digits, ten, [str(value) for value in values[ten]])

    def top1(name, weights, photos, rate):
        same = {"backbone": "mobilenet_v1", "alpha": 0.25, "size": 96, "batch": 16, "seed": SEED}
        same |= {"flip": False, "augment": 0.0, "head_epochs": 0, "epochs": 8, "rate": rate, "patience": 0}
        same |= {"layer_decay": 1.0, "batch_norm": "train"}
        options = TrainOptions(data=str(tmp_path / photos), name=name, weights=weights, **same)
        return train(options).card.metrics["top1"]

    assert top1("zero-or-not", "none", "binary", 5e-3) > 0.9
    reused = top1("ten-reused", "zero-or-not", "ten", 2e-3)
    scratch = top1("ten-scratch", "none", "ten", 2e-3)
    assert reused > 0.65
    assert reused > scratch + 0.15, (reused, scratch)
