"""From sound to a prediction, without torch."""
