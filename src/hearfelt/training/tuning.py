"""Tuning: better settings for a recipe, found by Optuna, which sees the score on validation clips and nothing else."""
