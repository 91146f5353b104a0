"""HTML reports of trainings and conversions, one self-contained file each, and their figures."""
