"""Plots and pages that a person reads."""
