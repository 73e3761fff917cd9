"""``hearfelt explore``: a page, or plots, that show what is in a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hearfelt.cli.options import AsOption, JobsOption, examples, expanded, progress

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command ``explore``."""
    app.command(
        "explore",
        epilog=examples(
            "hearfelt explore ~/ravdess                             # writes explore.html",
            "hearfelt explore ~/ravdess --out ~/ravdess.html",
            "hearfelt explore ~/mine --as folder --plots pictures   # the plots alone, as PNG",
        ),
    )(_explore)


def _explore(
    path: Annotated[Path, typer.Argument(metavar="PATH", callback=expanded, help="The folder of a corpus.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", callback=expanded, help="The page.", show_default="explore.html"),
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(
            "--plots", metavar="DIR", callback=expanded, help="Write plots as PNG here, and a page only with --out."
        ),
    ] = None,
    name: AsOption = None,
    jobs: JobsOption = None,
) -> None:
    """Show what is in a corpus: one page to look at and listen to, which carries everything inside."""
    from hearfelt.corpora.catalog import read_folder
    from hearfelt.errors import require

    require("matplotlib", "plots")
    from hearfelt.reports.exploration import explore, save_plots, steps_of
    from hearfelt.reports.exploration_page import write_exploration

    found = read_folder(path, name)
    with progress("listening", steps_of(found)) as done:
        seen = explore(found, processes=jobs, progress=done)
    if plots is not None:
        typer.echo(f"{len(save_plots(seen, plots))} plots in {plots}")
    if out is not None or plots is None:
        typer.echo(f"{write_exploration(seen, out or Path('explore.html'))}")
