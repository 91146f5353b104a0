"""Trains detectors: their network, loss, assignment of cells to boxes, augmentation and single stage."""
