"""Emotions over time."""
