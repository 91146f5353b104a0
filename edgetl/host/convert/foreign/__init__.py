"""Imports models that were trained elsewhere into the store."""
