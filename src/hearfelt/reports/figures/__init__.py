"""Every plot of hearfelt, each written once: corpora, sounds, results, and the canvas they stand on."""
