"""Text and pictures of the results pages, computed from result files; ``tools/results.py`` writes them."""
