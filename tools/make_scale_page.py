"""Write measured and calculated figures into docs/scale.md.

    python benchmarks/batch.py --json benchmarks/batch.json    # measure on an idle machine
    python tools/make_scale_page.py --price 0.04 --network 10

Calculated figures are marked as such. Price and network are inputs.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from hearfelt.runtime.files import atomic_write
from result_pages.markdown import replace_between

ROOT = Path(__file__).parents[1]
PAGE, FIGURES = ROOT / "docs" / "scale.md", ROOT / "benchmarks" / "batch.json"
BEGIN, END = "<!-- figures:begin -->", "<!-- figures:end -->"
HOURS = 1_000_000
CORES = (1, 8, 64, 512)
PRICE, NETWORK_GBIT = 0.04, 10.0  # dollars per core and hour; Gbit/s of all machines together
CLIP_S = 4.0  # seconds of sound per row
FORMATS = {"wav": "WAV, 16 kHz, 16 bit", "flac": "FLAC, 16 kHz", "mp3": "MP3"}


def speed(figures: dict[str, float], form: str) -> float:
    """Seconds of sound that one core processes per second, from this format."""
    seconds = 1 / figures["model_s_a_second"] - 1 / figures["decode_wav_s_a_second"]
    return 1 / (seconds + 1 / figures[f"decode_{form}_s_a_second"])


def measured(kept: dict[str, Any]) -> list[str]:
    """The table of measured figures."""
    figures, machine = kept["figures"], kept["machine"]
    rows = [
        ("one core, prediction, from WAV", f"{figures['model_s_a_second']:,.0f} s of sound per second"),
        *(
            (f"one core, decoding only, {words}", f"{figures[f'decode_{form}_s_a_second']:,.0f} s of sound per second")
            for form, words in FORMATS.items()
        ),
        ("rows written to a Parquet table, one core", f"{figures['rows_a_second']:,.0f} per second"),
    ]
    optional = {
        "processes_against_numpy": "speed-up with two processes, relative to that of two plain numpy processes",
        "overhead": "overhead of batch compared with recognize in a loop",
        "ray_against_processes": "speed of Ray on two cores, relative to two local processes",
        "planner_mb": "peak memory of the planner with 100,000 files, MB",
        "worker_growth_mb": "growth of a worker's peak memory from 1,000 to 100,000 files, MB",
    }
    rows += [(words, f"{figures[name]:,.3g}") for name, words in optional.items() if name in figures]
    return [
        f"### Measured ({machine['processor']}, {machine['cores']} cores, `benchmarks/batch.py`)",
        "",
        "| what | figure |",
        "|---|---|",
        *(f"| {words} | {figure} |" for words, figure in rows),
    ]


def calculated(figures: dict[str, float], price: float, network_gbit: float) -> list[str]:
    """The tables calculated from it, for other numbers of cores."""
    lines = [
        f"### Calculated: {HOURS:,} hours of sound",
        "",
        f"Core-hours are hours of sound divided by the speed of one core; the price is an input, here ${price:g}"
        " per core and hour.",
        "",
        "| format | core-hours | cost | share of decoding | bytes to read |",
        "|---|---|---|---|---|",
    ]
    for form, words in FORMATS.items():
        core_hours = HOURS / speed(figures, form)
        share = speed(figures, form) / figures[f"decode_{form}_s_a_second"]
        terabytes = HOURS * 3_600 * figures[f"{form}_bytes_a_second"] / 1e12
        lines.append(
            f"| {words} | {core_hours:,.0f} | ${core_hours * price:,.0f} | {share:.1%} | {terabytes:,.0f} TB |"
        )
    lines += [
        "",
        "### Calculated: the bottleneck",
        "",
        f"The network is an input, here {network_gbit:g} Gbit/s for all machines together; one process writes the"
        f" table at the end, with a row for each {CLIP_S:g} s of sound.",
        "",
        "| cores | sound per second | "
        + " | ".join(f"network for {form.upper()}" for form in FORMATS)
        + " | writing the table adds | bottleneck |",
        "|---|---|" + "---|" * len(FORMATS) + "---|---|",
    ]
    for cores in CORES:
        sound = cores * speed(figures, "wav")
        needed = {form: cores * speed(figures, form) * figures[f"{form}_bytes_a_second"] * 8 / 1e9 for form in FORMATS}
        table = sound / CLIP_S / figures["rows_a_second"]
        lines.append(
            f"| {cores} | {sound / 3_600:,.2g} h | "
            + " | ".join(f"{gbit:,.2g} Gbit/s" for gbit in needed.values())
            + f" | {table:.1%} | {bottleneck(needed, network_gbit)} |"
        )
    return lines


def bottleneck(needed: dict[str, float], network_gbit: float) -> str:
    """The bottleneck for more cores."""
    waiting = [form.upper() for form, gbit in needed.items() if gbit > network_gbit]
    if not waiting:
        return "the model"
    return "the network" if len(waiting) == len(needed) else f"the network for {' and '.join(waiting)}, else the model"


def with_figures(text: str, kept: dict[str, Any], price: float = PRICE, network_gbit: float = NETWORK_GBIT) -> str:
    """Replace the text between the marks."""
    lines = [*measured(kept), "", *calculated(kept["figures"], price, network_gbit)]
    return replace_between(text, BEGIN, END, "\n".join(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--price", type=float, default=PRICE, help="dollars per core and hour (%(default)s)")
    parser.add_argument(
        "--network", type=float, default=NETWORK_GBIT, help="of all machines together, in Gbit/s (%(default)s)"
    )
    options = parser.parse_args()
    kept = json.loads(FIGURES.read_text(encoding="utf-8"))
    fresh = with_figures(PAGE.read_text(encoding="utf-8"), kept, options.price, options.network)
    with atomic_write(PAGE) as file:
        file.write(fresh)
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
