"""Processes, files and the cache."""
