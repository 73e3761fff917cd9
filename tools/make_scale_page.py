"""Put measured and calculated figures into docs/scale.md.

    python benchmarks/batch.py --json benchmarks/batch.json    # measures, on a machine that does nothing else
    python tools/make_scale_page.py --price 0.04 --network 10

What is calculated is marked as calculated, and from what. Price and network are what you put in.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from hearfelt.runtime.files import atomic_write

ROOT = Path(__file__).parents[1]
PAGE, FIGURES = ROOT / "docs" / "scale.md", ROOT / "benchmarks" / "batch.json"
BEGIN, END = "<!-- figures:begin -->", "<!-- figures:end -->"
HOURS = 1_000_000
CORES = (1, 8, 64, 512)
PRICE, NETWORK_GBIT = 0.04, 10.0  # of a core for an hour, in dollars; of all machines together, a second
CLIP_S = 4.0  # a row for each so many seconds of sound
FORMATS = {"wav": "WAV, 16 kHz, 16 bit", "flac": "FLAC, 16 kHz", "mp3": "MP3"}


def speed(figures: dict[str, float], form: str) -> float:
    """Seconds of sound that one core answers in a second, when it is stored in this format."""
    seconds = 1 / figures["model_s_a_second"] - 1 / figures["decode_wav_s_a_second"]
    return 1 / (seconds + 1 / figures[f"decode_{form}_s_a_second"])


def measured(kept: dict[str, Any]) -> list[str]:
    """The table of what was measured."""
    figures, machine = kept["figures"], kept["machine"]
    rows = [
        ("one core, whole answer, from WAV", f"{figures['model_s_a_second']:,.0f} s of sound a second"),
        *(
            (f"one core, decoding alone, {words}", f"{figures[f'decode_{form}_s_a_second']:,.0f} s of sound a second")
            for form, words in FORMATS.items()
        ),
        ("rows into a Parquet table, one core", f"{figures['rows_a_second']:,.0f} a second"),
    ]
    optional = {
        "processes_against_numpy": "gain of two processes over one, against that of two plain numpy processes",
        "overhead": "overhead of a batch over recognizing in a loop",
        "ray_against_processes": "Ray on two cores against two processes of our own",
        "planner_mb": "peak memory of the planner with 100,000 files, MB",
        "worker_growth_mb": "what a worker's peak memory grew by from 1,000 to 100,000 files, MB",
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
    """The tables of what follows from it, for any other number of cores."""
    lines = [
        f"### Calculated from it: {HOURS:,} hours of sound",
        "",
        f"Not measured. Core-hours are hours of sound divided by the speed of one core; the price is an input, here"
        f" ${price:g} for a core and an hour.",
        "",
        "| stored as | core-hours | money | of that for decoding | bytes to read |",
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
        "### Calculated from it: where the bottleneck is",
        "",
        f"Not measured. The network is an input, here {network_gbit:g} Gbit/s for all machines together; the table is"
        f" written by one process at the end, with a row for each {CLIP_S:g} s of sound.",
        "",
        "| cores | sound a second | "
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
    """Name what more cores would wait for."""
    waiting = [form.upper() for form, gbit in needed.items() if gbit > network_gbit]
    if not waiting:
        return "the model"
    return "the network" if len(waiting) == len(needed) else f"the network for {' and '.join(waiting)}, else the model"


def with_figures(text: str, kept: dict[str, Any], price: float = PRICE, network_gbit: float = NETWORK_GBIT) -> str:
    """Replace what stands between the marks."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    lines = [*measured(kept), "", *calculated(kept["figures"], price, network_gbit)]
    return "\n".join([f"{before}{BEGIN}", *lines, f"{END}{after}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--price", type=float, default=PRICE, help="of a core for an hour, in dollars (%(default)s)")
    parser.add_argument("--network", type=float, default=NETWORK_GBIT, help="of all machines, Gbit/s (%(default)s)")
    options = parser.parse_args()
    kept = json.loads(FIGURES.read_text(encoding="utf-8"))
    fresh = with_figures(PAGE.read_text(encoding="utf-8"), kept, options.price, options.network)
    with atomic_write(PAGE) as file:
        file.write(fresh)
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
