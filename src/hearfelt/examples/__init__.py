"""Short synthetic clips to try hearfelt on, made by tools/make_examples.py; no person speaks in them."""
