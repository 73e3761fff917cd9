"""Acoustic features, computed with numpy alone."""
