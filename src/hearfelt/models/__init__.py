"""Networks, written in torch."""
