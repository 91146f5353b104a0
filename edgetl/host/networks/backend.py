"""Keras and TensorFlow, imported late and without a page of log lines."""

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
    # It takes a training's and an evaluation's many shapes for a mistake, and says so at length.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def import_tensorflow() -> Library:
    """Imports TensorFlow under Keras, for conversion.

    Raises:
        UsageError: Keras runs on another backend here.
    """
    import_keras()
    import keras

    if keras.backend.backend() != "tensorflow":
        what = f"conversion needs Keras on TensorFlow, but it runs on {keras.backend.backend()}"
        raise UsageError(what, where="KERAS_BACKEND", remedy="unset KERAS_BACKEND, then convert again")
    with quiet_output():
        import tensorflow

    # Converters warn that a static int8 input has no statistics, which the representative photos then give it.
    warnings.filterwarnings("ignore", module="tensorflow.lite")
    return tensorflow
