"""Write the output of ``hearfelt demo`` into README.md.

    python tools/make_readme_demo.py

Processors round differently, so the table is only replaced if a percentage differs by more than one.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from hearfelt.runtime.files import atomic_write
from result_pages.markdown import replace_between

README: Final = Path(__file__).parents[1] / "README.md"
BEGIN: Final = "<!-- demo:begin -->"
END: Final = "<!-- demo:end -->"
TOLERANCE: Final = 1  # percent
_PERCENT: Final = re.compile(r"(\d+)%")
_BAR_OR_SPACE: Final = re.compile(r"[█▏▎▍▌▋▊▉\s]+")


def demo_block() -> str:
    """Run the demo; returns its table as a Markdown block."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hearfelt", "demo", "--out", str(Path(folder) / "demo.png")]
        said = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout
    table = said.partition("\n\n")[2].partition("\n\n")[0]
    return f"```text\n$ hearfelt demo\n{table}\n```"


def with_demo(text: str, block: str) -> str:
    """Replace the text between the marks, if it differs from the block."""
    written = text.partition(BEGIN)[2].partition(END)[0]
    return text if is_fresh(written, block) else replace_between(text, BEGIN, END, block)


def is_fresh(written: str, block: str) -> bool:
    """Whether two tables have the same words, and percentages that differ by at most one."""
    percents = [[int(one) for one in _PERCENT.findall(table)] for table in (written, block)]
    words = [_BAR_OR_SPACE.sub(" ", _PERCENT.sub("%", table)).strip() for table in (written, block)]
    return words[0] == words[1] and all(abs(a - b) <= TOLERANCE for a, b in zip(*percents, strict=True))


if __name__ == "__main__":
    fresh = with_demo(README.read_text(encoding="utf-8"), demo_block())
    with atomic_write(README) as file:
        file.write(fresh)
    print(f"wrote {README}")
