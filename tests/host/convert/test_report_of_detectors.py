from __future__ import annotations

from dataclasses import replace

from pages import require_self_contained, words

from edgetl.bundle import GoldenPhoto, Manifest, Measurement, Variant
from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.host.convert.gate.table import variants_table
from edgetl.host.report.conversion import write_conversion_report
from edgetl.manifest import Interval, Unlabelled

CARD = ModelCard("cards", "detection", ("ace", "king"), InputSpec(96, 96), DetectorDecoding((8,)))


def variant(recipe, accuracy, *, accepted):
    metrics = {"map50": accuracy + 0.3, "map50_drop": 0.005}
    measured = Measurement(accuracy, 0.6 - accuracy, "king", 0.03, 0.85, 0.05, 1.5, {"king": 0.03}, metrics)
    return Variant(recipe, "tflite", "", "", 800_000, "", "", measured, accepted)


VARIANTS = (variant("static_wi8_ai8", 0.59, accepted=True), variant("float16", 0.5, accepted=False))


def test_conversion_report_has_a_detectors_figures(tmp_path):
    golden = (GoldenPhoto("golden/00.png", "ab" * 32, "2 ace, king"),)
    write_conversion_report(tmp_path / "report.html", Manifest(CARD, "rpi", 2, "static_wi8_ai8", VARIANTS, golden))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    require_self_contained(page)
    text = words(page)
    assert "59.0 % mAP of the chosen variant, static_wi8_ai8" in text
    assert "static_wi8_ai8 accepted 59.0 % −1.0 89.0 % −0.5 king −3.0 85.0 % 0.050" in text
    assert "float16 refused 50.0 % −10.0 80.0 % −0.5" in text
    assert "2 ace, king" in text
    assert "with the boxes that every variant must give" in text
    assert "op-1" not in text
    assert ">mAP</text>" in page


def test_table_of_a_detectors_variants():
    head, first, second, *rest = variants_table(VARIANTS, "static_wi8_ai8", "detection").splitlines()
    assert head.split() == ["variant", "mAP", "mAP50", "drop", "agree", "diff", "kB", "ms"]
    assert " ".join(first.split()) == "* static_wi8_ai8 0.590 0.890 1.0 0.850 0.05 800 1.50"
    assert rest[-2].split() == ["static_wi8_ai8", "loses", "most", "in", "king:", "-0.030"]
    assert max(map(len, (head, first, second, *rest))) <= 80
    assert second.startswith("x float16")
    assert "too few photos" not in " ".join(rest)
    assert "top-1" in variants_table(VARIANTS, None, "classification")
    assert "0.890" not in variants_table(VARIANTS, None, "classification")


def test_table_and_report_say_what_the_photos_cannot_tell(tmp_path):
    intervals = {"accuracy_drop": Interval(-0.1026, 0.1226), "map50_drop": Interval(-0.004, 0.026)}
    undecided = {"accuracy_drop": 0.02, "map50_drop": 0.01, "agreement": 0.8}
    known = {"intervals": intervals, "undecided": undecided, "unlabelled": Unlabelled(300, 700, 0.97, 0.0031, 0.0004)}
    variants = [replace(one, measured=replace(one.measured, **known)) for one in VARIANTS]
    lines = variants_table(variants, "static_wi8_ai8", "detection").splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].split()[4] == "1.0±11.3"
    text = " ".join(" ".join(lines).split())
    assert (
        "too few photos to tell a drop of 2 points of mAP; by their answers alone, expect static_wi8_ai8 0.31" in text
    )
    assert (
        "too few photos to tell a drop of 1 point of mAP50; by their answers alone, expect static_wi8_ai8 0.04" in text
    )
    write_conversion_report(tmp_path / "r.html", Manifest(CARD, "rpi", 2, "static_wi8_ai8", tuple(variants), ()))
    page = words((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "static_wi8_ai8 accepted 59.0 % −1.0 ±11.3 89.0 % −0.5 ±1.5 king" in page
    assert "too few photos to tell a drop of 1 point of mAP50; 0.04 expected by its answers alone" in page
