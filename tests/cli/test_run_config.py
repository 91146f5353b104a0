"""`edgetl run --config`: options in a file are the options of the command line, and wrong ones are named."""

from __future__ import annotations

import json

import click
import pytest
from homes import edgetl, refused

from edgetl.cli.run import run
from edgetl.cli.run.config_option import by_name, given_options
from edgetl.device.service.run_config import PATHS, read_run_config, run_config_text
from edgetl.errors import UsageError

GIVEN = ["--source", "photos/disc", "--max-frames", "2", "--classes", "disc", "--classes", "cross", "--quiet"]
GIVEN += ["--zone", "bin=0,0,1,0,1,1", "--stall", "500ms", "--size", "640x480", "--give-up", "1h"]


def parsed(*arguments):
    """The values that the command gets."""
    with run.make_context("run", list(arguments)) as context:
        return context.params


def test_options_in_a_file_mean_what_they_mean_on_the_command_line(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text(run_config_text(given_options(GIVEN)))
    assert parsed("--config", str(file)) == parsed(*GIVEN)


def test_values_may_be_numbers_and_keys_may_have_underscores(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('source = 0\nmax_frames = 5\nrate = 2.5\nwait = true\nclasses = "disc"\nstall = 3\n')
    same = ("--source", "0", "--max-frames", "5", "--rate", "2.5", "--wait", "--classes", "disc", "--stall", "3s")
    assert parsed("--config", str(file)) == parsed(*same)


def test_the_command_line_comes_first(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text("max-frames = 5\nthreshold = 0.3\n")
    values = parsed("--max-frames", "7", "--config", str(file))
    assert (values["max_frames"], values["threshold"]) == (7, 0.3)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("sorce = 0", "sorce"),
        ("model = 'parts'", "model"),
        ("config = 'other.toml'", "config"),
        ("rate = 'fast'", "rate"),
        ("rate = 0", "rate"),
        ("rate = true", "rate"),
        ("wait = 'yes'", "wait"),
        ("max-frames = -1", "max-frames"),
        ("size = 'large'", "size"),
        ("stall = 'soon'", "stall"),
        ("zone = ['bin']", "zone"),
        ("threshold = [0.1]", "threshold"),
        ("source = {a = 1}", "source"),
        ("classes = [1]", "classes"),
    ],
)
def test_a_wrong_line_is_refused_with_the_file_and_the_key(tmp_path, text, key):
    file = tmp_path / "run.toml"
    file.write_text(text)
    refused(edgetl("run", "bundle", "--config", file), 2, "run.toml", key)


@pytest.mark.parametrize("content", [b"source = ", b"\xff", b"source = 1\nsource = 2\n", b"#" * 70_000])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, content):
    file = tmp_path / "run.toml"
    file.write_bytes(content)
    refused(edgetl("run", "bundle", "--config", file), 2, "run.toml")
    refused(edgetl("run", "bundle", "--config", tmp_path / "none.toml"), 2, "none.toml")


def test_a_run_takes_its_options_from_the_file(home):
    lines = home.folder / "lines.jsonl"
    (home.folder / "run.toml").write_text(f'source = "photos/disc"\nmax-frames = 2\nquiet = true\njsonl = "{lines}"\n')
    done = edgetl("run", "tiny", "--config", "run.toml")
    assert done.code == 0, done.err
    assert [json.loads(line)["name"] for line in lines.read_text().splitlines()] == ["00.jpg", "01.jpg"]


@pytest.mark.parametrize("words", [["parts"], ["--source"], ["--sorce", "0"], ["--rate", "fast"]])
def test_what_is_no_option_of_a_run_is_refused(words):
    with pytest.raises((UsageError, click.UsageError)):
        given_options(words)


def test_options_of_a_file_are_passed_on_too(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text("max_frames = 5\nrate = 2\n")
    assert given_options(["--config", str(file), "--rate", "3"]) == {"max-frames": 5, "rate": "3"}


@pytest.mark.parametrize(
    "options",
    [{"source": "rtsp://cam:secret@10.0.0.7/stream"}, {"mqtt": "mqtt://cam:secret@broker"}],
)
def test_a_password_is_not_written(options):
    with pytest.raises(UsageError) as caught:
        run_config_text(options)
    assert "secret" not in str(caught.value)
    assert "password-file" in caught.value.remedy


def test_every_value_is_read_as_it_was_written(tmp_path):
    options = {"source": 'a "b" \\ \x7f ü', "classes": ["one", "two"], "track": True, "rate": 2.5, "threads": 2}
    file = tmp_path / "run.toml"
    file.write_text(run_config_text(options))
    assert read_run_config(file) == options


def test_every_option_that_names_a_file_is_known_as_one():
    named = {name for name, option in by_name(run).items() if isinstance(option.type, click.Path)}
    assert named <= set(PATHS)
    assert {"jsonl", "save"} <= set(PATHS)
