"""How the pages of results are made from result files; ``tools/results.py`` writes them."""
