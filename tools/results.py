"""Write the figures in docs/results.md, README.md and MODEL_CARD.md of this repository from results/.

Every results/PROTOCOL/NAME/ is read, and the default model's own card; the pictures of the leak ladder and of the
confidence are drawn as well.

    python tools/results.py             # write
    python tools/results.py --check     # write nothing; fail if a page or a picture is stale
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hearfelt.errors import HearfeltError, exit_code
from result_pages.pages import check_pages, write_pages

ROOT = Path(__file__).parents[1]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Write or check the pages of a checkout, and give the exit code."""
    parser = argparse.ArgumentParser(description="Write the pages of results of this repository.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page or a picture is stale")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            check_pages(root)
            print("docs/results.md, README.md, MODEL_CARD.md and their pictures say what results/ holds")
        else:
            for path in write_pages(root):
                print(path.relative_to(root))
    except HearfeltError as error:
        print(error, file=sys.stderr)
        return exit_code(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
