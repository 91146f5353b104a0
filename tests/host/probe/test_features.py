import numpy as np
import pytest

from edgetl.errors import ModelError
from edgetl.host.dataset.photo_set import PhotoSet
from edgetl.host.probe.features import FeatureCache, NetworkKey, pooled_features
from edgetl.host.probe.heads import standardized

KEY = NetworkKey("0f", "mobilenet_v2", 0.35, "-1..1")


class Means:
    """A network whose features are the means of the channels; it counts its batches."""

    def __init__(self, factor=1.0):
        self.factor, self.sizes = factor, []

    def predict_on_batch(self, pixels):
        self.sizes.append(len(pixels))
        return pixels.mean(axis=(1, 2)) * self.factor


@pytest.fixture
def photos(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGETL_CACHE", str(tmp_path / "cache"))
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), np.uint8)
    return PhotoSet(pixels, np.arange(40), ())


def test_features_are_computed_once_in_batches_of_one_size(photos, tmp_path):
    network = Means()
    found = [FeatureCache(tmp_path, photos).features(KEY, lambda: network) for _ in range(2)]
    assert network.sizes == [32, 32]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[0], standardized(photos.pixels.mean(axis=(1, 2))), atol=2e-3)


def test_the_tiny_features_of_random_weights_keep_their_differences(photos, tmp_path):
    found = FeatureCache(tmp_path, photos).features(KEY, lambda: Means(1e-11))
    np.testing.assert_allclose(found, standardized(photos.pixels.mean(axis=(1, 2))), atol=2e-3)


def test_another_order_or_other_weights_are_computed_anew(photos, tmp_path):
    network = Means()
    FeatureCache(tmp_path, photos).features(KEY, lambda: network)
    turned = PhotoSet(photos.pixels, photos.rows[::-1], ())
    expected = standardized(photos.pixels.mean(axis=(1, 2)))[::-1]
    np.testing.assert_allclose(FeatureCache(tmp_path, turned).features(KEY, lambda: network), expected, atol=2e-3)
    FeatureCache(tmp_path, photos).features(NetworkKey("1f", "mobilenet_v2", 0.35, "-1..1"), lambda: network)
    assert len(network.sizes) == 6


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY\x01", b"x" * 400])
def test_a_damaged_file_is_computed_anew(photos, tmp_path, damage):
    first = FeatureCache(tmp_path, photos).features(KEY, Means)
    (file,) = (tmp_path / "cache").rglob("*.npy")
    file.write_bytes(damage)
    np.testing.assert_array_equal(FeatureCache(tmp_path, photos).features(KEY, Means), first)


def test_an_interrupted_computation_leaves_nothing(photos, tmp_path):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FeatureCache(tmp_path, photos).features(KEY, interrupted)
    assert not list((tmp_path / "cache").rglob("*.npy"))


def test_only_the_latest_sets_of_photos_are_remembered(photos, tmp_path):
    for count in range(2, 10):
        FeatureCache(tmp_path, PhotoSet(photos.pixels, np.arange(count), ())).features(KEY, Means)
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 4


def test_a_full_disk_costs_the_memory_only(photos, tmp_path, monkeypatch, capsys):
    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.mkdir", lambda *a, **k: full(None, None))
    cache = FeatureCache(tmp_path, photos)
    for _ in range(2):
        assert cache.features(KEY, Means).shape == (40, 3)
    assert capsys.readouterr().err.count("No space left on device") == 1


def test_features_that_are_not_finite_are_refused(photos):
    with pytest.raises(ModelError, match="finite"):
        pooled_features(Means(np.nan), photos)
