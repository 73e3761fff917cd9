"""What benchmarks share: the bundled clips, single-threaded child processes, saved figures, and the table of limits."""

from __future__ import annotations

# Standard library only: the peak memory of a child process starts with that of its parent.
import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

EXAMPLES: Final = Path(__file__).parents[1] / "src" / "hearfelt" / "examples"
ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

# name in the JSON file, description, unit, limit, whether it is a minimum
Limit = tuple[str, str, str, float, bool]


def report(limits: Sequence[Limit], figures: Mapping[str, float]) -> int:
    """Print the table of measured figures; returns 1 if a limit is exceeded."""
    missed = 0
    for name, words, unit, limit, is_minimum in limits:
        if name not in figures:
            continue
        passed = figures[name] >= limit if is_minimum else figures[name] <= limit
        missed += not passed
        sign, verdict = "≥" if is_minimum else "≤", "pass" if passed else "FAIL"
        print(f"{words:48}{figures[name]:>14,.10g} {unit:24}{sign} {limit:<14,.10g}{verdict}")
    return int(missed > 0)


def machine(**more: Any) -> dict[str, Any]:
    """The machine of the figures."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text(encoding="utf-8").splitlines() if cpus.is_file() else []
    named = [line for line in lines if line.startswith("model name")]
    processor = named[0].partition(":")[2].strip() if named else platform.processor() or platform.machine()
    return {"processor": processor, "cores": os.cpu_count(), **more}


def keep(path: Path, key: str, figures: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Write figures into a JSON file; keeps others below the same key from the same machine."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    others = kept.get(key, {}) if kept.get("machine") == here else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"machine": here, key: dict(sorted({**others, **figures}.items()))}, indent=1) + "\n",
        encoding="utf-8",
    )
