"""Changes of sound, for training and for tests of robustness."""
