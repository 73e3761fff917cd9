"""Evaluation: protocols, predictions, metrics, calibration, and folders of results."""
