"""Frozen encoders and their published weights."""
