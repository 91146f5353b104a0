"""Results drawn into films."""
