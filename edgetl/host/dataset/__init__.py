"""Folders of labelled photos to arrays a training can read."""
