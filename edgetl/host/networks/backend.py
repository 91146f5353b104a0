"""Imports Keras and TensorFlow when they are needed, without a page of log lines."""

from __future__ import annotations

import logging
import os
import warnings

from edgetl.errors import UsageError
from edgetl.host.networks.untyped import Library
from edgetl.quiet import quiet_output


def import_keras() -> None:
    """Imports Keras and its backend."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_output():
        import keras  # noqa: F401
    # TensorFlow warns at length that a training and an evaluation have many shapes, which is no mistake.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def import_tensorflow() -> Library:
    """Imports TensorFlow, which conversion needs as the backend of Keras.

    Raises:
        UsageError: Keras runs on another backend.
    """
    import_keras()
    import keras

    if keras.backend.backend() != "tensorflow":
        what = f"conversion needs Keras on TensorFlow, but it runs on {keras.backend.backend()}"
        raise UsageError(what, where="KERAS_BACKEND", remedy="unset KERAS_BACKEND, then convert again")
    with quiet_output():
        import tensorflow

    # Converters warn that a static int8 input has no statistics; the representative data set provides them later.
    warnings.filterwarnings("ignore", module="tensorflow.lite")
    return tensorflow
