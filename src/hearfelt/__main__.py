"""``python -m hearfelt`` is the program ``hearfelt``."""

from hearfelt.cli.main import run

if __name__ == "__main__":
    run()
