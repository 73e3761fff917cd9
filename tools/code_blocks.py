"""List the code blocks of the docs that no test runs, with the reason.

python tools/code_blocks.py

Blocks of sh and python are run page by page (`tests/journey/test_code_blocks.py`), unless a comment stands before them:
`<!-- not run: REASON -->`, or `<!-- run by TEST -->` for a block that another test runs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG", "MODEL_CARD", "notebooks/README")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
DATA = {"text", "csv", "json", "toml", "bibtex"}  # nothing to run
BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>not run: [^>]+|run by [^>]+) -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A code block of a page.

    Attributes:
        page: the file it is in.
        line: of the first line of code, from 1.
        language: as written after the backticks.
        code: its text.
        mark: the comment before it, or nothing.
    """

    page: Path
    line: int
    language: str
    code: str
    mark: str

    @property
    def name(self) -> str:
        """Where it is, as path and line."""
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"

    @property
    def kind(self) -> str:
        """What happens to it: `data`, `run`, `run by another test` or `not run`."""
        if self.mark:
            return "not run" if self.mark.startswith("not run") else "run by another test"
        return "data" if self.language in DATA else "run"


def blocks_of(page: Path) -> Iterator[Block]:
    """Find the code blocks of a page."""
    text = page.read_text("utf-8")
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("code")) + 1
        yield Block(page, line, found["language"], found["code"], found["mark"] or "")


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


if __name__ == "__main__":
    for block in BLOCKS:
        if block.mark:
            print(f"{block.name:32} {block.language:7} {block.mark}")
    print(", ".join(f"{number} {kind}" for kind, number in Counter(block.kind for block in BLOCKS).most_common()))
