"""Emotions over time: voice activity, segments, smoothing, live streams."""
