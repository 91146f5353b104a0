"""The photos that a training calls suspects."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from edgetl.card import DatasetInfo
from edgetl.host.dataset.check_folders import FolderReport
from edgetl.host.dataset.load import Dataset, Photos
from edgetl.host.evaluate.top1 import Evaluation
from edgetl.host.train.classifier.review import review_photos

REPORT = FolderReport("", 5, {}, {}, [], [], [], [], [], 1.0, [], [])
PIXELS = np.zeros((5, 1, 1, 3), np.uint8)


def test_a_photo_with_an_exact_and_a_near_copy_is_listed_once(tmp_path):
    names, classes = ("cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png"), np.array([0, 0, 1, 1])
    exact, near = ["cat/0.png", "dog/0.png"], ["cat/0.png", "dog/1.png"]
    report = replace(
        REPORT, root=str(tmp_path), exact_duplicates=[exact], near_duplicates=[near], conflicts=[near, exact]
    )
    train = Photos(PIXELS, np.arange(4), tuple(Path(tmp_path, name) for name in names), classes)
    val = Photos(PIXELS, np.arange(4, 5), (tmp_path / "dog" / "2.png",), np.array([1]))
    data = Dataset(("cat", "dog"), train, val, DatasetInfo(str(tmp_path), "0" * 64, 4, 1), report)
    review = review_photos(data, None, Evaluation(("cat", "dog"), np.array([1]), np.array([[0, 1]], np.float32)))
    assert [suspect.file for suspect in review.suspects] == ["cat/0.png", "dog/0.png", "dog/1.png"]
    assert [suspect.clear for suspect in review.suspects] == [True, True, False]
    assert review.clear == 1
