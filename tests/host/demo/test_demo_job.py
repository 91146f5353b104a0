from __future__ import annotations

import shlex
from dataclasses import replace
from types import SimpleNamespace

import pytest

from edgetl import store
from edgetl.cli import main
from edgetl.errors import UsageError
from edgetl.host.demo import job
from edgetl.host.demo.draw import draw_boxed, draw_photos
from edgetl.host.train.options import TrainOptions


class DrawingError(Exception):
    pass


def draw_earlier(task, photos):
    """What an earlier demo of the task left."""
    if task == "classify":
        draw_photos(photos, 1, 0, (32, 24))
    else:
        draw_boxed(photos, 2, 0, (32, 24))


@pytest.fixture(params=list(job.TASKS))
def task(request):
    return request.param


@pytest.fixture
def demo(task, empty_home, monkeypatch):
    """Runs the demo up to where it would draw."""

    def draw(*_):
        raise DrawingError

    monkeypatch.setitem(job.TASKS, task, replace(job.TASKS[task], draw=draw))
    return lambda folder=None: job.demo(task, folder)


def refused(demo, folder):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(UsageError) as caught:
        demo(folder)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return caught.value


@pytest.mark.parametrize(
    "file",
    [
        "photos/cat/1.jpg",
        "photos/nut/mine.jpg",
        "photos/nut_0001.jpg",
        "photos/parts_0001.jpg",
        "photos/JPEGImages/mine.jpg",
        "photos/JPEGImages/parts_0001.png",
        "photos/Annotations/parts_0001.json",
        "photos/ImageSets/Main/train.txt",
        "photos",
        "film.mp4",
        "seen.mp4",
    ],
)
def test_the_users_own_photos_and_films_are_not_replaced(demo, tmp_path, file):
    path = tmp_path / "mine" / file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    error = refused(demo, tmp_path / "mine")
    assert error.where == str(tmp_path / "mine")
    assert "another --folder" in error.remedy


def test_a_users_folder_beside_the_drawn_ones_is_not_replaced(task, demo, tmp_path):
    draw_earlier(task, tmp_path / "mine" / "photos")
    (tmp_path / "mine" / "photos" / "my own").mkdir()
    refused(demo, tmp_path / "mine")


def test_the_photos_of_the_other_demo_are_not_replaced(task, demo, tmp_path):
    other = next(name for name in job.TASKS if name != task)
    draw_earlier(other, tmp_path / "other" / "photos")
    refused(demo, tmp_path / "other")


def test_an_earlier_demo_is_replaced(task, demo, tmp_path):
    with pytest.raises(DrawingError):
        demo(tmp_path / "new")
    draw_earlier(task, tmp_path / "again" / "photos")
    (tmp_path / "again" / "film.mp4").write_bytes(b"drawn")
    with pytest.raises(DrawingError):
        demo(tmp_path / "again")


def test_the_users_own_model_of_the_demos_name_is_not_replaced(task, demo, tmp_path, monkeypatch):
    def stored(path):
        model = SimpleNamespace(folder=tmp_path / "models" / "it", card=SimpleNamespace(dataset=path))
        monkeypatch.setattr(store, "has", lambda name: name == job.TASKS[task].name)
        monkeypatch.setattr(store, "open_model", lambda name: model)

    stored(SimpleNamespace(path=str(tmp_path / "photos")))
    error = refused(demo, tmp_path / "new")
    assert "EDGETL_MODELS" in error.remedy
    stored(None)
    refused(demo, tmp_path / "new")
    for own in (tmp_path / "new" / "photos", tmp_path / "earlier"):
        stored(SimpleNamespace(path=str(own)))
        if own.name == "earlier":
            draw_earlier(task, own)
        with pytest.raises(DrawingError):
            demo(tmp_path / "new")


class Calls:
    """Stands in for the steps and notes what each was asked for."""

    def __init__(self, task, tmp_path, monkeypatch):
        self.made: dict[str, object] = {}
        self.bundle = SimpleNamespace(folder=tmp_path / "models" / job.TASKS[task].name / "rpi")
        drawn = replace(job.TASKS[task], draw=self.note("draw"), film=self.note("film", "3 of 4"))
        monkeypatch.setitem(job.TASKS, task, drawn)
        monkeypatch.setattr(job, "train", self.note("train", SimpleNamespace(folder=self.bundle.folder.parent)))
        monkeypatch.setattr(job, "convert", self.note("convert", self.bundle))
        monkeypatch.setattr(job.replay, "verify", self.note("verify", []))
        monkeypatch.setattr(job, "_run", self.note("run"))

    def note(self, step, result=None):
        def call(*args, **options):
            self.made[step] = (*args, *options.values())
            return result

        return call


@pytest.fixture
def calls(task, empty_home, tmp_path, monkeypatch):
    return Calls(task, tmp_path, monkeypatch)


def commands(shown):
    """The options and arguments of each command that was shown, as the command line understands them."""
    parsed = {}
    for line in shown.splitlines():
        if line.startswith("$ "):
            _, name, *words = shlex.split(line[2:])
            context = main.commands[name].make_context(name, words)
            given = {k: v for k, v in context.params.items() if context.get_parameter_source(k).name == "COMMANDLINE"}
            parsed[name] = given
    return parsed


def test_the_printed_commands_repeat_the_steps_of_the_demo(task, calls, tmp_path, capsys):
    name, folder = job.TASKS[task].name, tmp_path / "my [own] demo"
    job.demo(task, folder, seed=3)
    shown = commands(capsys.readouterr().err)
    assert list(shown) == ["train", "convert", "verify", "run"]
    given = {k: v for k, v in shown["train"].items() if k not in ("data", "name")}
    asked = TrainOptions.collect(str(shown["train"]["data"]), shown["train"]["name"], given, None)
    assert calls.made["train"] == (asked,)
    assert (asked.data, asked.name, asked.seed) == (str(folder / "photos"), name, 3)
    assert calls.made["convert"] == (name, "rpi", ("tflite",))
    assert shown["convert"] == {"name": name, "target": "rpi", "runtime": ("tflite",)}
    assert calls.made["verify"] == (calls.bundle.folder,)
    assert shown["verify"] == {"bundle": calls.bundle.folder}
    film, seen = folder / "film.mp4", folder / "seen.mp4"
    assert calls.made["run"] == (calls.bundle, film, seen, "3 of 4")
    assert shown["run"] == {"model": calls.bundle.folder, "source": str(film), "save": str(seen)}


def test_the_demo_ends_with_its_figures_and_where_the_results_are(task, calls, tmp_path, capsys):
    job.demo(task, tmp_path / "it")
    told = capsys.readouterr().err
    assert "3 of 4" in told
    for path in (tmp_path / "it" / "seen.mp4", calls.bundle.folder, calls.bundle.folder / "report.html"):
        assert str(path) in told
    assert ("boxes around them" in told) == (task == "detect")


def test_each_demo_has_a_folder_and_a_model_of_its_own(calls, task):
    job.demo(task)
    photos, _ = calls.made["draw"]
    (asked,) = calls.made["train"]
    assert (str(photos.parent), asked.name) == {"classify": ("demo",) * 2, "detect": ("demo-detect",) * 2}[task]


def test_photos_and_film_differ_and_follow_the_seed(calls, task):
    job.demo(task, seed=5)
    assert (calls.made["draw"][1], calls.made["film"][1]) == (5, 6)
