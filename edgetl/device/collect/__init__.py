"""Frames that are collected on the device for the next training."""
