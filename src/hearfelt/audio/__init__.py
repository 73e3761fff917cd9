"""Reads sound from any source: decoding, checks, mixing to one channel."""
