"""What the commands do when all is well."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
import tomllib

import cv2
import pytest
from homes import SHAPES, TINY, edgetl, refused

from edgetl.device.runtime import sandbox
from edgetl.target import Target, target_names


def test_training_leaves_a_model_with_all_its_files(home):
    tiny = home.models / "tiny"
    names = {path.name for path in tiny.iterdir()}
    assert names == {"card.json", "model.keras", "train.toml", "history.csv", "report", "loose"}
    card = json.loads((tiny / "card.json").read_text())
    assert (card["name"], tuple(card["labels"]), card["input"]["height"]) == ("tiny", SHAPES, 96)
    dataset = card["dataset"]
    assert (dataset["path"], dataset["train"], dataset["val"]) == (str(home.photos), 30, 6)
    options = tomllib.loads((tiny / "train.toml").read_text())
    assert (options["epochs"], options["weights"], options["batch_norm"]) == (0, "starter", "train")
    rows = list(csv.DictReader((tiny / "history.csv").open()))
    assert [(row["stage"], row["epoch"]) for row in rows] == [("head", "1"), ("head", "2")]
    assert pytest.approx(card["metrics"]["top1"], abs=1e-3) in [float(row["val_accuracy"]) for row in rows]
    assert (tiny / "report" / "index.html").stat().st_size > 1000
    assert not list(home.models.rglob(".*"))


def test_models(home):
    done = edgetl("models")
    assert done.code == 0
    assert done.out.splitlines()[1].split()[:3] == ["tiny", "classification", "3"]
    assert done.out.splitlines()[1].endswith("loose")
    shown = edgetl("models", "show", "tiny")
    assert shown.code == 0
    assert '"labels"' in shown.out
    assert str(home.bundle / "bundle.json") in shown.out


def test_models_with_a_broken_one_and_removing_it(home):
    shutil.copytree(home.models / "tiny", home.models / "broken")
    (home.models / "broken" / "card.json").write_text("{}")
    done = edgetl("models")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == ["name", "tiny"]
    assert edgetl("models", "remove", "broken", "--yes").code == 0
    assert sorted(path.name for path in home.models.iterdir()) == ["tiny"]


def test_remove_asks_first(home):
    assert edgetl("models", "remove", "tiny").code == 1
    assert home.bundle.is_dir()


def test_models_before_the_first(empty_home):
    assert edgetl("models").code == 0
    assert list(empty_home.folder.iterdir()) == []


def test_targets():
    done = edgetl("targets")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == list(target_names())
    assert edgetl("targets", "list").out == done.out


@pytest.mark.parametrize("name", target_names())
def test_a_shown_target_can_be_saved_and_used(name, tmp_path):
    shown = edgetl("targets", "show", name).out
    (tmp_path / f"{name}.toml").write_text(shown)
    assert Target.load(str(tmp_path / f"{name}.toml")) == Target.load(name)
    assert edgetl("targets", "show", tmp_path / f"{name}.toml").out == shown


def test_quiet_after_a_command_silences_it(home):
    loud, quiet = edgetl("data", "check", "photos"), edgetl("data", "check", "photos", "--quiet")
    assert loud.code == quiet.code == 0
    done = edgetl("verify", "nothere", "--verbose")
    assert done.code == 2
    assert "Traceback" in done.err


@pytest.fixture
def film(home):
    path = home.folder / "film.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (160, 120))
    for photo in sorted(home.photos.rglob("*.jpg")):
        writer.write(cv2.imread(str(photo)))
    writer.release()
    return path


def test_run_ends_with_its_film(home, film):
    done = edgetl("run", home.bundle, "--source", film, "--jsonl", "-", "--quiet", "--save", "out.mp4")
    assert done.code == 0, done.err
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [line["index"] for line in lines] == list(range(36))
    assert done.err.startswith("36 frames in ")
    assert cv2.VideoCapture("out.mp4").get(cv2.CAP_PROP_FRAME_COUNT) == 36


def test_run_saves_photos_as_photos(home):
    done = edgetl("run", home.bundle, "--source", "photos/disc", "--save", "seen/", "--quiet")
    assert done.code == 0, done.err
    assert {path.name for path in (home.folder / "seen").iterdir()} == {f"{i:02}.jpg" for i in range(12)}
    done = edgetl("run", home.bundle, "--source", "photos/disc", "--save", "annotated", "--quiet")
    assert done.code == 2
    assert "--save seen/" in done.err


@pytest.mark.parametrize("option", ["--save", "--jsonl"])
def test_run_does_not_overwrite_its_source(home, film, option):
    before = film.read_bytes()
    (home.folder / "link.mp4").symlink_to(film)
    for path in ("film.mp4", "link.mp4"):
        done = edgetl("run", home.bundle, "--source", film, "--quiet", option, path)
        assert done.code == 2
        assert f"{option} would overwrite the source" in done.err
        assert "remedy: name another file" in done.err
    assert film.read_bytes() == before


def test_run_does_not_write_two_outputs_into_one_file(home, film):
    (home.folder / "there").symlink_to(home.folder)
    done = edgetl("run", home.bundle, "--source", film, "--quiet", "--save", "both.mp4", "--jsonl", "there/both.mp4")
    refused(done, 2, "--jsonl", "--save")
    assert not (home.folder / "both.mp4").exists()


def test_run_that_cannot_write_names_the_place_and_a_remedy(home, film):
    name = "a" * 300 + ".mp4"
    refused(edgetl("run", home.bundle, "--source", film, "--quiet", "--save", name), 1, "where: a")


def test_run_takes_the_bundle_in_the_current_folder(home, monkeypatch):
    photo = next(home.photos.rglob("*.jpg"))
    monkeypatch.chdir(home.bundle)
    done = edgetl("run", ".", "--source", photo, "--jsonl", "-", "--quiet")
    assert done.code == 0, done.err
    assert done.out.count('"classes"') == 1


def test_run_without_arguments_takes_the_last_bundle(home):
    shutil.copytree(home.bundle, home.models / "tiny" / ".rpi.half", dirs_exist_ok=True)
    (home.models / "tiny" / ".rpi.half" / "bundle.json").write_text("{")
    done = edgetl("run", "--source", "photos/disc", "--quiet")
    assert done.code == 0, done.err
    assert "12 frames in" in done.err


def test_convert_again_replaces_the_bundle_and_quiet_leaves_the_line_of_the_result(home):
    (home.bundle / "stray").write_text("")
    done = edgetl("--quiet", "convert", "--target", home.target, "--recipe", "float16")
    assert (done.code, done.out) == (0, ""), done.err
    (line,) = done.err.splitlines()
    assert str(home.bundle) in line
    assert "float16" in line
    names = {path.name for path in home.bundle.iterdir()}
    assert names == {"bundle.json", "float16.tflite", "golden", "labels.txt", "report.html"}
    assert edgetl("verify", home.bundle).code == 0


@pytest.mark.slow
def test_report_of_a_conversion_that_cant_be_written_costs_no_bundle(home, monkeypatch):
    from edgetl.host.convert import job

    def fail(*_):
        raise ValueError("no such template")

    monkeypatch.setattr(job, "write_conversion_report", fail)
    done = edgetl("convert", "--target", home.target, "--recipe", "float16")
    assert done.code == 0
    assert "no such template" in done.err
    assert not (home.bundle / "report.html").exists()
    assert edgetl("verify", home.bundle).code == 0


@pytest.mark.slow
def test_bundle_that_cant_be_opened_takes_no_ones_place(home, monkeypatch):
    from edgetl.host.convert import job

    before = {path: path.read_bytes() for path in home.models.rglob("*") if path.is_file()}
    real = job.write_manifest
    monkeypatch.setattr(job, "write_manifest", lambda folder, it: real(folder, dataclasses.replace(it, threads=2000)))
    assert edgetl("convert", "--target", home.target, "--recipe", "float16").code == 4
    assert {path: path.read_bytes() for path in home.models.rglob("*") if path.is_file()} == before


def test_train_again_makes_the_new_version_current_without_the_bundle_of_the_earlier(home):
    done = edgetl("train", "photos", "--name", "tiny", *TINY)
    assert done.code == 0, done.err
    assert done.out == ""
    assert "30 photos to train on, 6 to validate, 3 classes; mobilenet_v2 0.35 at 96 px" in done.err
    assert "next    edgetl convert tiny --target rpi" in done.err
    assert not home.bundle.exists(), "a bundle of the earlier weights would be taken for one of the new"


def test_quiet_still_tells_errors(empty_home):
    done = edgetl("--quiet", "train", "gone", "--name", "x")
    assert done.code == 3
    assert "there is no such folder" in done.err


def test_verbose_shows_the_traceback_and_keeps_the_exit_code(empty_home):
    plain, verbose = edgetl("data", "check", "gone"), edgetl("--verbose", "data", "check", "gone")
    assert (plain.code, verbose.code) == (3, 3)
    assert "Traceback" not in plain.err
    assert verbose.err.startswith("Traceback")
    assert verbose.err.endswith(plain.err)


def test_unknown_command_and_option():
    assert edgetl("trian").code == 2
    assert edgetl("train", "--epoch=1", "--nmae=x").code == 2
    assert edgetl("--version").out.startswith("edgetl, version ")


def test_what_convert_made_is_not_tried_again(home, monkeypatch):
    monkeypatch.setattr(sandbox, "_known", set())
    notes = set((home.cache / "opened").iterdir())
    assert notes
    done = edgetl("verify", str(home.bundle))
    assert done.code == 0, done.err
    assert set((home.cache / "opened").iterdir()) == notes
