"""Put into README.md what ``hearfelt demo`` says of the bundled clips, so that nobody types it.

python tools/make_readme_demo.py            # tests/house/test_docs.py says when it is time
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from hearfelt.files import atomic_write

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- demo:begin -->", "<!-- demo:end -->"


def demo_block() -> str:
    """Run the demo and give its table as a block of Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hearfelt", "demo", "--out", str(Path(folder) / "demo.png")]
        said = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout
    table = said.partition("\n\n")[2].partition("\n\n")[0]
    return f"```text\n$ hearfelt demo\n{table}\n```"


def with_demo(text: str) -> str:
    """Replace what stands between the marks."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{demo_block()}\n{END}{after}"


if __name__ == "__main__":
    fresh = with_demo(README.read_text(encoding="utf-8"))
    with atomic_write(README) as file:
        file.write(fresh)
    print(f"wrote {README}")
