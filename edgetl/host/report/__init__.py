"""Reports as one HTML page each, and their figures."""
