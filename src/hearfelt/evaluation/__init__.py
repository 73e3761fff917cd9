"""From predictions to figures that are true."""
