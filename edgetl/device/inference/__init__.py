"""Inference: opens model files, writes frames into their inputs, and reads results from their outputs."""
