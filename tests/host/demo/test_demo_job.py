from __future__ import annotations

from types import SimpleNamespace

import pytest

from edgetl import store
from edgetl.errors import UsageError
from edgetl.host.demo import job
from edgetl.host.demo.draw import draw_photos


class DrawingError(Exception):
    pass


@pytest.fixture
def demo(empty_home, monkeypatch):
    """Runs the demo up to where it would draw."""

    def draw(*_):
        raise DrawingError

    monkeypatch.setattr(job, "draw_photos", draw)
    return job.demo


def refused(demo, folder):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(UsageError) as caught:
        demo(folder)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return caught.value


@pytest.mark.parametrize(
    "file", ["photos/cat/1.jpg", "photos/nut/mine.jpg", "photos/nut_0001.jpg", "photos", "film.mp4", "seen.mp4"]
)
def test_the_users_own_photos_and_films_stay(demo, tmp_path, file):
    path = tmp_path / "mine" / file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    error = refused(demo, tmp_path / "mine")
    assert error.where == str(tmp_path / "mine")
    assert "another --folder" in error.remedy


def test_a_class_of_the_users_own_beside_the_drawn_ones_stays(demo, tmp_path):
    draw_photos(tmp_path / "mine" / "photos", 1, 0, (32, 24))
    (tmp_path / "mine" / "photos" / "my own").mkdir()
    refused(demo, tmp_path / "mine")


def test_an_earlier_demo_is_replaced(demo, tmp_path):
    with pytest.raises(DrawingError):
        demo(tmp_path / "new")
    draw_photos(tmp_path / "again" / "photos", 1, 0, (32, 24))
    (tmp_path / "again" / "film.mp4").write_bytes(b"drawn")
    with pytest.raises(DrawingError):
        demo(tmp_path / "again")


def test_the_users_own_model_called_demo_stays(demo, tmp_path, monkeypatch):
    def stored(path):
        model = SimpleNamespace(folder=tmp_path / "models" / "demo", card=SimpleNamespace(dataset=path))
        monkeypatch.setattr(store, "has", lambda name: True)
        monkeypatch.setattr(store, "open_model", lambda name: model)

    stored(SimpleNamespace(path=str(tmp_path / "photos")))
    error = refused(demo, tmp_path / "new")
    assert "EDGETL_MODELS" in error.remedy
    stored(None)
    refused(demo, tmp_path / "new")
    for own in (tmp_path / "new" / "photos", tmp_path / "earlier"):
        stored(SimpleNamespace(path=str(own)))
        if own.name == "earlier":
            draw_photos(own, 1, 0, (32, 24))
        with pytest.raises(DrawingError):
            demo(tmp_path / "new")
