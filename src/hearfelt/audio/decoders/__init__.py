"""One module for each decoder, and what it has to know of file formats."""
