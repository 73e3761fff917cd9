"""Corpora: a folder of recordings becomes clips."""
