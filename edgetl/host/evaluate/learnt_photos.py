"""Finds out which photos a model was trained on, because it does better on them than on new ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgetl.card import ModelCard
from edgetl.errors import DatasetError
from edgetl.host.dataset.split_parts import exact_part
from edgetl.host.networks.stored import boxed_dataset_of, dataset_of, warn_of_learnt_photos
from edgetl.text import counted
from edgetl.vision.arrays import Mask, Rows


def not_learnt(card: ModelCard, other: ModelCard, name: str, root: Path, paths: Sequence[Path]) -> Rows:
    """Finds the photos that a model was not trained on, as far as its training photos are known.

    Args:
        card: the model's card.
        other: the card of the model that the photos were chosen for: it was not trained on them.
        name: the model's name, for the message.
        root: the folder of the photos.
        paths: N photo files.

    Returns:
        The positions of these photos, (K,) intp in 0..N-1.

    Raises:
        DatasetError: the model was trained on all of the photos.
    """
    learnt: Mask = np.zeros(len(paths), np.bool_)
    if _may_have_learnt(card, other, root, paths):
        try:
            data = boxed_dataset_of(card) if card.task == "detection" else dataset_of(card)
        except DatasetError:
            warn_of_learnt_photos(card)
        else:
            trained = {path.resolve() for path in data.train.paths}
            learnt = np.array([path.resolve() in trained for path in paths], np.bool_)
    if learnt.all():
        what = f"{name} was trained on all {counted(len(paths), 'photo')} that are left to compare on"
        raise DatasetError(what, where=str(root), remedy="name other photos with --data, or put some into test/")
    return np.flatnonzero(~learnt)


def _may_have_learnt(card: ModelCard, new: ModelCard, root: Path, paths: Sequence[Path]) -> bool:
    """Returns whether the photos come from the folder of a model's training, without a split that kept them apart."""
    info, other = card.dataset, new.dataset
    if info is None or Path(info.path).resolve() != root.resolve():
        return False
    if other is not None and (info.fingerprint, info.split) == (other.fingerprint, other.split):
        return False
    parts = {exact_part(path.relative_to(root).parts[0]) for path in paths if path.is_relative_to(root)}
    return not parts or not parts <= {"test", "val"}
