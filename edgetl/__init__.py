"""Turns a folder of labelled photos into a small computer that recognises those things live.

Whatever a command does is a function here. Names are imported when they are first used, so `import edgetl` is quick.

Example:
    >>> import cv2
    >>> from edgetl import Model
    >>> frame = cv2.imread("bolt.jpg")  # (H, W, 3) uint8 BGR, as OpenCV gives it
    >>> with Model.open("models/parts/rpi") as model:
    ...     print(model(frame))
    bolt 97%
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgetl.api import (
        check_data,
        compare_models,
        compare_training,
        convert,
        evaluate,
        import_model,
        photo_review,
        pull,
        rank_starts,
        resume,
        train,
        verify,
    )
    from edgetl.bundle import Bundle
    from edgetl.card import ModelCard
    from edgetl.device.camera import open_camera
    from edgetl.device.capture.job import capture
    from edgetl.device.capture.result import CaptureResult
    from edgetl.device.capture.settings import CaptureSettings
    from edgetl.device.events import Event
    from edgetl.device.inference.model import Model
    from edgetl.device.observation import Observation
    from edgetl.device.run.job import run
    from edgetl.device.run.result import RunResult
    from edgetl.device.run.settings import RunSettings
    from edgetl.device.service.install import install_service, uninstall_service
    from edgetl.device.service.plan import ServiceOptions, plan_service
    from edgetl.device.service.status import ServiceStatus, service_logs, service_status
    from edgetl.device.sinks import RunEnded, Sink
    from edgetl.device.stop import Stop
    from edgetl.errors import EdgetlError
    from edgetl.host.convert.foreign.import_model import ImportOptions
    from edgetl.host.deploy.deploy_options import DeployOptions
    from edgetl.host.deploy.deployment import Deployment
    from edgetl.host.deploy.job import build_release, deploy, deploy_all, prune, releases, rollback
    from edgetl.host.deploy.pull_result import PullResult
    from edgetl.host.deploy.roll_out import RollOut
    from edgetl.host.evaluate.paired_comparison import ModelComparison
    from edgetl.host.knowledge.comparison import Comparison
    from edgetl.host.knowledge.comparison_options import CompareOptions
    from edgetl.host.knowledge.ranking import Ranking
    from edgetl.host.probe.photo_review import PhotoReview
    from edgetl.host.train.options import TrainOptions
    from edgetl.progress import PrintProgress, Progress
    from edgetl.store import StoredModel, models, open_model
    from edgetl.target import Target
    from edgetl.vision.filter import ResultFilter
    from edgetl.vision.results import Classification, Detections
    from edgetl.vision.track import Tracker
    from edgetl.vision.zones import Line, Zone

__all__ = [
    "Bundle",
    "CaptureResult",
    "CaptureSettings",
    "Classification",
    "CompareOptions",
    "Comparison",
    "DeployOptions",
    "Deployment",
    "Detections",
    "EdgetlError",
    "Event",
    "ImportOptions",
    "Line",
    "Model",
    "ModelCard",
    "ModelComparison",
    "Observation",
    "PhotoReview",
    "PrintProgress",
    "Progress",
    "PullResult",
    "Ranking",
    "ResultFilter",
    "RollOut",
    "RunEnded",
    "RunResult",
    "RunSettings",
    "ServiceOptions",
    "ServiceStatus",
    "Sink",
    "Stop",
    "StoredModel",
    "Target",
    "Tracker",
    "TrainOptions",
    "Zone",
    "build_release",
    "capture",
    "check_data",
    "compare_models",
    "compare_training",
    "convert",
    "deploy",
    "deploy_all",
    "evaluate",
    "import_model",
    "install_service",
    "models",
    "open_camera",
    "open_model",
    "photo_review",
    "plan_service",
    "prune",
    "pull",
    "rank_starts",
    "releases",
    "resume",
    "rollback",
    "run",
    "service_logs",
    "service_status",
    "train",
    "uninstall_service",
    "verify",
]

_HOMES = {
    "Bundle": "edgetl.bundle",
    "CaptureResult": "edgetl.device.capture.result",
    "CaptureSettings": "edgetl.device.capture.settings",
    "Classification": "edgetl.vision.results",
    "CompareOptions": "edgetl.host.knowledge.comparison_options",
    "Comparison": "edgetl.host.knowledge.comparison",
    "DeployOptions": "edgetl.host.deploy.deploy_options",
    "Deployment": "edgetl.host.deploy.deployment",
    "Detections": "edgetl.vision.results",
    "EdgetlError": "edgetl.errors",
    "Event": "edgetl.device.events",
    "ImportOptions": "edgetl.host.convert.foreign.import_model",
    "Line": "edgetl.vision.zones",
    "Model": "edgetl.device.inference.model",
    "ModelCard": "edgetl.card",
    "ModelComparison": "edgetl.host.evaluate.paired_comparison",
    "Observation": "edgetl.device.observation",
    "PhotoReview": "edgetl.host.probe.photo_review",
    "PrintProgress": "edgetl.progress",
    "Progress": "edgetl.progress",
    "PullResult": "edgetl.host.deploy.pull_result",
    "Ranking": "edgetl.host.knowledge.ranking",
    "ResultFilter": "edgetl.vision.filter",
    "RollOut": "edgetl.host.deploy.roll_out",
    "RunEnded": "edgetl.device.sinks",
    "RunResult": "edgetl.device.run.result",
    "RunSettings": "edgetl.device.run.settings",
    "ServiceOptions": "edgetl.device.service.plan",
    "ServiceStatus": "edgetl.device.service.status",
    "Sink": "edgetl.device.sinks",
    "Stop": "edgetl.device.stop",
    "StoredModel": "edgetl.store",
    "Target": "edgetl.target",
    "Tracker": "edgetl.vision.track",
    "TrainOptions": "edgetl.host.train.options",
    "Zone": "edgetl.vision.zones",
    "build_release": "edgetl.host.deploy.job",
    "capture": "edgetl.device.capture.job",
    "check_data": "edgetl.api",
    "compare_models": "edgetl.api",
    "compare_training": "edgetl.api",
    "convert": "edgetl.api",
    "deploy": "edgetl.host.deploy.job",
    "deploy_all": "edgetl.host.deploy.job",
    "evaluate": "edgetl.api",
    "import_model": "edgetl.api",
    "install_service": "edgetl.device.service.install",
    "models": "edgetl.store",
    "open_camera": "edgetl.device.camera",
    "open_model": "edgetl.store",
    "photo_review": "edgetl.api",
    "plan_service": "edgetl.device.service.plan",
    "pull": "edgetl.api",
    "prune": "edgetl.host.deploy.job",
    "rank_starts": "edgetl.api",
    "releases": "edgetl.host.deploy.job",
    "resume": "edgetl.api",
    "rollback": "edgetl.host.deploy.job",
    "run": "edgetl.device.run.job",
    "service_logs": "edgetl.device.service.status",
    "service_status": "edgetl.device.service.status",
    "train": "edgetl.api",
    "uninstall_service": "edgetl.device.service.install",
    "verify": "edgetl.api",
}
"""The module of each public name."""


logging.getLogger("edgetl").addHandler(logging.NullHandler())  # without it, Python prints warnings on stderr


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'edgetl' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Returns the public names, which a notebook completes, without the modules that this one needs."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
