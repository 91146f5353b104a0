"""Libraries that chatter on the console, used without their chatter."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edgetl.errors import UsageError


@contextmanager
def quiet_output() -> Iterator[None]:
    """Sends the process's stdout and stderr, C++ libraries' included, nowhere for the block; exceptions pass."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)


def import_keras() -> None:
    """Imports Keras and its backend, which TensorFlow would accompany with a page of log lines."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_output():
        import keras  # noqa: F401


def import_tensorflow() -> Any:  # noqa: ANN401 - the module
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

    return tensorflow
