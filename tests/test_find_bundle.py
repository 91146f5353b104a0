"""Names of the store and paths become a bundle's folder, for every command that takes a bundle."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from homes import edgetl, refused

from edgetl.errors import UsageError
from edgetl.find_bundle import find_bundle


def test_a_name_stands_for_the_only_bundle(home):
    for reference in ("tiny", Path("tiny"), "tiny/loose", "models/tiny", home.models / "tiny", home.bundle):
        assert find_bundle(reference).resolve() == home.bundle.resolve()


def test_a_bundle_at_the_path_comes_before_the_store(home):
    shutil.copytree(home.bundle, "tiny")
    assert find_bundle("tiny") == Path("tiny")


def test_a_folder_of_photos_does_not_hide_the_model(home):
    home.photos.rename("tiny")
    assert find_bundle("tiny").resolve() == home.bundle.resolve()


def test_one_of_several_bundles_is_found_by_its_target(home):
    shutil.copytree(home.bundle, home.models / "tiny" / "other")
    with pytest.raises(UsageError) as caught:
        find_bundle("tiny")
    assert "tiny/loose, tiny/other" in caught.value.remedy
    assert find_bundle("tiny/other").name == "other"


@pytest.mark.parametrize(
    ("reference", "remedy"),
    [("tiny/nuc", "edgetl convert tiny --target nuc"), ("nothere", "tiny/loose"), ("no/such/place", "tiny/loose")],
)
def test_a_missing_bundle_is_refused_and_the_existing_ones_are_listed(home, reference, remedy):
    for command in ("verify", "tune", "bench", "run"):
        refused(edgetl(command, reference), 2, remedy)


def test_the_remedy_for_a_model_without_a_bundle_is_to_convert_it(home):
    shutil.rmtree(home.bundle)
    refused(edgetl("verify", "tiny"), 2, "edgetl convert tiny")


def test_the_commands_take_a_name(home):
    assert edgetl("verify", "tiny").code == 0
    assert edgetl("bench", "tiny", "--seconds", "0.1").code == 0
    done = edgetl("run", "tiny", "--source", "photos/disc", "--jsonl", "-")
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 12
    assert edgetl("eval", "tiny/loose", "photos").code == 0


def test_a_folder_of_bundles_names_them(home):
    shutil.copytree(home.models / "tiny", "elsewhere")
    refused(edgetl("verify", "elsewhere"), 4, "elsewhere/loose")


def test_bundle_whose_replacement_was_killed_between_its_renames_is_found(home):
    home.bundle.rename(home.bundle.with_name(".loose.old"))
    assert find_bundle(home.bundle) == home.bundle
    assert edgetl("verify", "tiny/loose").code == 0
