"""Where results go; each a context manager with one method."""
