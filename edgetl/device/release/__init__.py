"""Keeps the device's releases: receives and proves them, switches between them, watches, rolls back and prunes."""
