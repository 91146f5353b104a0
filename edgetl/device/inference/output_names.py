"""The names of detectors' outputs in model files, by which conversion and inference know them."""

from __future__ import annotations

LOGITS, DISTANCES = "logits", "distances"
"""The outputs of a detector that edgetl made: one row for each cell, of class logits and of distances to four edges."""
POSTPROCESSED = ("boxes", "classes", "scores", "count")
"""The outputs of a portable detector in TFLite: those of `TFLite_Detection_PostProcess`, in its order."""
MODEL_API = ("bboxes", "labels", "scores")
"""The outputs of a portable detector in OpenVINO, with the names that OpenVINO Model API expects."""

OutputOrder = tuple[int, int, int, int]
"""The positions of boxes, classes, scores and count among the outputs of a ready-made SSD."""
STANDARD_ORDER: OutputOrder = (0, 1, 2, 3)
"""The order of `TFLite_Detection_PostProcess` itself."""
