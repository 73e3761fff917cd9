"""Worker processes, progress, atomic files and the cache."""
