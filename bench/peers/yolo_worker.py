"""Fine-tunes a YOLO and exports it; runs in the environment that has Ultralytics, and ends with a line of JSON.

yolo_worker.py WEIGHTS DATA.yaml EPOCHS SIZE SEED FOLDER
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ |= {"YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true"}


def main() -> None:
    weights, data, epochs, size, seed, folder = sys.argv[1:]
    os.environ["YOLO_CONFIG_DIR"] = folder  # read when Ultralytics is imported
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # reports every conversion without asking
    from ultralytics import YOLO, settings

    settings.update({"sync": False})
    model = YOLO(weights)
    began, processor = time.monotonic(), time.process_time()
    common = {"data": data, "imgsz": int(size), "device": "cpu", "plots": False, "amp": False, "workers": 0}
    model.train(epochs=int(epochs), seed=int(seed), project=folder, name="run", exist_ok=True, **common)
    seconds = {"seconds": round(time.monotonic() - began), "processor": round(time.process_time() - processor)}
    best = Path(folder, "run", "weights", "best.pt")
    own = YOLO(best).val(project=folder, name="val", exist_ok=True, **common).box
    common.pop("plots"), common.pop("amp"), common.pop("workers")
    files = {
        name: str(next(Path(YOLO(best).export(format="openvino", int8=int8, **common)).glob("*.xml")))
        for name, int8 in (("float32", False), ("int8", True))
    }
    print(json.dumps({"time": seconds, "files": files, "own": {"map": float(own.map), "0.50": float(own.map50)}}))


if __name__ == "__main__":
    main()
