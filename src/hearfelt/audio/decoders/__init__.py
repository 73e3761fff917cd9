"""Decoders, one module each, and the file formats they need to know."""
