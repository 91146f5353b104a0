"""A trained model to proved variants in a bundle."""
