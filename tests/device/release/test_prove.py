"""A release is proved on the device: its files are those that were sent, and every variant computes what it must."""

from __future__ import annotations

import json
import shutil

import pytest
from device_releases import seal
from fakes import reseal

from edgetl.device.release.deploy_log import DeployLog
from edgetl.device.release.prove import prove, require_proof
from edgetl.device.release.receive import receive
from edgetl.errors import GateError, ModelError, UsageError


@pytest.fixture
def received(root, small_bundle):
    """Receives a release of the bundle as it is; returns its digest."""

    def make():
        folder = root / "incoming" / "new"
        folder.mkdir(parents=True)
        shutil.copytree(small_bundle, folder / "bundle")
        (folder / "run.toml").write_text('source = "0"\n')
        digest = seal(folder, {})
        receive(root, digest)
        return digest

    return make


def test_a_release_that_computes_what_it_must_is_proved_once(root, received, capsys):
    digest = received()
    log = DeployLog(root)
    require_proof(root, digest, log)
    steps = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(step["step"], step["variant"]["variant"]) for step in steps] == [
        ("verify", "float32"),
        ("verify", "preprocessing"),
    ]
    mark = json.loads((root / "releases" / digest / "verified.json").read_text())
    assert mark["variants"] == ["float32"]
    require_proof(root, digest, log)
    assert capsys.readouterr().out == ""
    with pytest.raises(UsageError, match="no release"):
        prove(root, "0" * 16, log)


def test_a_model_that_computes_something_else_is_refused(root, small_bundle, received):
    golden = small_bundle / "golden" / "float32.json"
    golden.write_text(json.dumps([row[::-1] for row in json.loads(golden.read_text())]))
    reseal(small_bundle, "golden/float32.json")
    digest = received()
    with pytest.raises(GateError, match="fail the golden replay"):
        require_proof(root, digest, DeployLog(root))
    assert not (root / "releases" / digest / "verified.json").exists()


def test_a_release_that_was_altered_after_its_proof_is_refused(root, received):
    digest = received()
    require_proof(root, digest, DeployLog(root))
    model = root / "releases" / digest / "bundle" / "float32.tflite"
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(ModelError, match="altered or cut short"):
        require_proof(root, digest, DeployLog(root))
