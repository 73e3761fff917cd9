"""Changes of sound, for training and for audits."""
