"""Timelines as the files that researchers' tools read."""
