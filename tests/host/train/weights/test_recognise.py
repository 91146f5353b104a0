import pytest

from edgetl.host.train.weights import backbones, starter
from edgetl.host.train.weights.recognise import recognise_backbone

NETWORKS = [(name, alpha) for name, family in backbones.FAMILIES.items() for alpha in family.alphas]


def test_the_starter_is_recognised():
    assert recognise_backbone(starter.weights_file()) == starter.NETWORK


@pytest.mark.slow
@pytest.mark.parametrize(("name", "alpha"), NETWORKS)
def test_every_backbone_is_recognised_by_its_weights(tmp_path, name, alpha):
    backbones.build(name, alpha, 96, 96).save_weights(tmp_path / "backbone.weights.h5")
    assert recognise_backbone(tmp_path / "backbone.weights.h5") == (name, alpha)
