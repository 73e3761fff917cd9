"""The networks and their encoders, written in torch."""
