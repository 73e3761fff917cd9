"""Labels of your own on a finished model."""
