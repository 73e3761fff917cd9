"""From clips to a model file; needs the train extra."""
