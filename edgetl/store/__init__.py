"""Keeps trained models as folders below one root: `models/`, or the folder that EDGETL_MODELS names.

A model may have several versions; `edgetl.store.version_folders` describes their folders. Every public function holds
the lock of the root while it reads or changes folders, and first finishes the work of killed processes.
"""

from __future__ import annotations

from edgetl.store.add import AddedVersion, add_folder, add_version
from edgetl.store.lookup import has, models, open_model, relocate, use
from edgetl.store.model import (
    RESERVED,
    Damaged,
    StoredModel,
    check_name,
    check_new_name,
    exclusive_lock,
    root,
)
from edgetl.store.remove import Removal, removal, remove
from edgetl.store.survey import survey

__all__ = [
    "RESERVED",
    "AddedVersion",
    "Damaged",
    "Removal",
    "StoredModel",
    "add_folder",
    "add_version",
    "check_name",
    "check_new_name",
    "exclusive_lock",
    "has",
    "models",
    "open_model",
    "relocate",
    "removal",
    "remove",
    "root",
    "survey",
    "use",
]
