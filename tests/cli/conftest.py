from __future__ import annotations

import pytest
from greys import LABELS, build_greys, draw_greys, to_tflite
from homes import LOOSE_TARGET
from once import made_once


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Model files by what they are; beside them the photos, labels and a target."""
    return made_once(tmp_path_factory, "elsewhere", _save_models)


def _save_models(folder):
    import keras

    from edgetl.quiet import quiet_output

    draw_greys(folder / "photos")
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n")
    (folder / "loose.toml").write_text(LOOSE_TARGET.replace("max_accuracy_drop = 1.0", "max_accuracy_drop = 0.0"))
    bare, logits = build_greys(), build_greys(scaled=True, softmax=False)
    bytes_in = build_greys(scaled=True, dtype="uint8", before=keras.layers.Rescaling(1.0))
    with quiet_output():
        bare.save(folder / "bare.keras")
        bare.save(folder / "bare.h5")
        bare.export(folder / "bare_saved")
        bytes_in.save(folder / "bytes.keras")
        logits.save(folder / "logits.keras")
        logits.save(folder / "logits.h5")
        logits.export(folder / "logits_saved")
        (folder / "bare.tflite").write_bytes(to_tflite(bare))
        (folder / "logits.tflite").write_bytes(to_tflite(logits))
        (folder / "bytes.tflite").write_bytes(to_tflite(bare, integer=True))


@pytest.fixture
def elsewhere(made, empty_home, monkeypatch):
    """The files' folder as the current one, and a store that is empty."""
    monkeypatch.chdir(made)
    return empty_home
