"""Inference: from sound to predictions, timelines and explanations, without torch."""
