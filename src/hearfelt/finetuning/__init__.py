"""Fine-tuning: a new linear head for your own labels on a finished model."""
