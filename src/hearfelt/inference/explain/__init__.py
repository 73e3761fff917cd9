"""Explanations of predictions: Shapley values and occlusion."""
