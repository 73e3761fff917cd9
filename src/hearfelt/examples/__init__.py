"""Short clips to try hearfelt on: synthetic voices, made by scripts/make_examples.py; nobody is heard in them."""
