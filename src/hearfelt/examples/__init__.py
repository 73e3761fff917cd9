"""Short clips to try hearfelt on: synthetic voices, made by tools/make_examples.py; nobody is heard in them."""
