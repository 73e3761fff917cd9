"""Write docs/results.md, docs/unfamiliar-sound.md and the figures in README.md and MODEL_CARD.md from results/.

Reads every results/PROTOCOL/NAME/ and the default model's card, and draws the leak ladder and the reliability diagram.

    python tools/results.py             # write
    python tools/results.py --check     # write nothing; fail if a page or a picture is out of date
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hearfelt.errors import HearfeltError
from result_pages.pages import check_pages, write_pages

ROOT = Path(__file__).parents[1]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Write or check the pages of a checkout; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write the results pages of this repository.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is out of date")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            check_pages(root)
            print("the pages of results, README.md, MODEL_CARD.md and their pictures are up to date")
        else:
            for path in write_pages(root):
                print(path.relative_to(root))
    except HearfeltError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
