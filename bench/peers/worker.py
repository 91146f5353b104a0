"""One way to look at a frame, timed on request; runs in whichever environment has what it needs.

    worker.py PEER MODEL FRAME.npy THREADS

Reads a number of frames a line from stdin, and answers with a line of JSON: what each of them took, ms. A frame comes
as a camera's does, BGR, and ends as a label or boxes. Not all peers can be told a number of threads: the process is
kept to as many cores.
"""

import json
import os
import sys
import time
from collections.abc import Callable

import numpy as np

Look = Callable[[], object]


def edgetl(path: str, frame: np.ndarray, threads: int) -> Look:
    from edgetl import Model

    model = Model.open(path, threads=threads)
    return lambda: model(frame)


def tutorial(path: str, frame: np.ndarray, threads: int) -> Look:
    """The loop that tutorials teach."""
    import cv2
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=threads)
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    height, width = taken["shape"][1:3]

    def look() -> int:
        image = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        image = cv2.resize(image, (width, height))
        data = np.expand_dims(image, axis=0)
        if taken["dtype"] == np.float32:
            data = data.astype(np.float32)
        interpreter.set_tensor(taken["index"], data)
        interpreter.invoke()
        return int(np.argmax(interpreter.get_tensor(given["index"])[0]))

    return look


def invoke(path: str, frame: np.ndarray, threads: int) -> Look:
    """The network alone, fed once."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=threads)
    interpreter.allocate_tensors()
    return interpreter.invoke


def mediapipe_classifier(path: str, frame: np.ndarray, threads: int) -> Look:
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=path), max_results=1)
    tool = vision.ImageClassifier.create_from_options(options)
    return lambda: tool.classify(_mediapipe_image(mediapipe, frame))


def mediapipe_detector(path: str, frame: np.ndarray, threads: int) -> Look:
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.ObjectDetectorOptions(base_options=BaseOptions(model_asset_path=path), score_threshold=0.3)
    tool = vision.ObjectDetector.create_from_options(options)
    return lambda: tool.detect(_mediapipe_image(mediapipe, frame))


def _mediapipe_image(mediapipe: object, frame: np.ndarray) -> object:
    import cv2

    image = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image)  # type: ignore[attr-defined]


def model_api(path: str, frame: np.ndarray, threads: int) -> Look:
    from model_api.adapters import OpenvinoAdapter, create_core
    from model_api.models import Model

    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    kind = type(Model.create_model(path))
    model = kind.create_model(OpenvinoAdapter(create_core(), path, device="CPU", plugin_config=settings))
    return lambda: model(frame)


def opencv_dnn(path: str, frame: np.ndarray, threads: int) -> Look:
    import cv2

    cv2.setNumThreads(threads)
    network = cv2.dnn.readNetFromTFLite(path)

    def look() -> int:
        network.setInput(cv2.dnn.blobFromImage(frame, 1.0, (224, 224), swapRB=True))
        return int(np.argmax(network.forward()))

    return look


PEERS: dict[str, Callable[[str, np.ndarray, int], Look]] = {
    peer.__name__: peer
    for peer in (edgetl, tutorial, invoke, mediapipe_classifier, mediapipe_detector, model_api, opencv_dnn)
}


def main() -> None:
    name, path, frame_file, threads = sys.argv[1:]
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(threads)])
    look = PEERS[name](path, np.load(frame_file), int(threads))
    for _ in range(20):
        look()
    print("ready", flush=True)
    for line in sys.stdin:
        taken = []
        for _ in range(int(line)):
            start = time.perf_counter_ns()
            look()
            taken.append((time.perf_counter_ns() - start) / 1e6)
        print(json.dumps(taken), flush=True)


if __name__ == "__main__":
    main()
