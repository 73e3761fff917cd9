"""Sound: read from anywhere, decoded, checked, as one channel."""
