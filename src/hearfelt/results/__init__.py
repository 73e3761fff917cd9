"""Predictions and segments as rows, tables and files."""
