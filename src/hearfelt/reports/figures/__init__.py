"""Every plot, each written once: corpora, sounds, predictions, timelines, results."""
