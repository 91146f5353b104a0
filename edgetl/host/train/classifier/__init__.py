"""Trains classifiers: their network, augmentation and two stages."""
