"""Commands that look into a corpus: ``hearfelt explore`` and ``hearfelt features``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hearfelt.cli.display.progress import progress
from hearfelt.cli.options import AsOption, FolderArgument, JobsOption, examples, expanded, remark
from hearfelt.errors import AudioError

if TYPE_CHECKING:
    from hearfelt.corpora.clips import Clips
    from hearfelt.features.table import Measured

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands ``explore`` and ``features``."""
    app.command(
        "explore",
        epilog=examples(
            "hearfelt explore ~/ravdess                             # writes explore.html",
            "hearfelt explore ~/ravdess --out ~/ravdess.html",
            "hearfelt explore ~/mine --as folder --plots pictures   # only the plots, as PNG",
        ),
    )(_explore)
    app.command("features", epilog=_FEATURES_EXAMPLES)(_features)


def _explore(
    path: FolderArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", callback=expanded, help="The page to write.", show_default="explore.html"
        ),
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(
            "--plots", metavar="DIR", callback=expanded, help="Write the plots as PNG here, and a page only with --out."
        ),
    ] = None,
    name: AsOption = None,
    jobs: JobsOption = None,
) -> None:
    """Show a corpus as one self-contained page, with plots and clips to play."""
    from hearfelt.corpora.catalog import read_folder
    from hearfelt.errors import require

    require("matplotlib", "plots")
    from hearfelt.reports.exploration import explore, save_plots, steps_of, write_exploration

    found = read_folder(path, name)
    with progress("reading clips", steps_of(found)) as done:
        seen = explore(found, processes=jobs, progress=done)
    if plots is not None:
        typer.echo(f"{len(save_plots(seen, plots))} plots in {plots}")
    if out is not None or plots is None:
        typer.echo(f"{write_exploration(seen, out or Path('explore.html'))}")


_FEATURES_EXAMPLES = examples(
    "hearfelt features ~/ravdess --out features.csv",
    "hearfelt features ~/ravdess --out features.parquet     # smaller, needs the extra parquet",
    "hearfelt features ~/mine --as folder --out mine.csv    # a folder for each emotion",
)


def _features(
    path: FolderArgument,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE.csv|.parquet", help="The table to write.", callback=expanded)
    ],
    name: AsOption = None,
    jobs: JobsOption = None,
) -> None:
    """Measure the 162 classic features of each clip and write them as a table.

    They are chroma, MFCC, zero-crossing rate, mel spectrum and loudness, over 2.5 s from 0.6 s on; in a short clip the
    part begins earlier. A row has clip, speaker, emotion, then the features. Measured features are cached until the
    file changes. A clip that cannot be read is named, the others are measured, and the exit code is 3; a silent clip is
    named and kept.
    """
    from hearfelt.corpora.catalog import read_corpus
    from hearfelt.features.table import measure, refuse_other_tables, write_features

    refuse_other_tables(out)
    clips = read_corpus(path, name, remark=remark)
    with progress("measuring clips", len(clips)) as done:
        measured = measure(clips, processes=jobs, progress=done)
    _remark(clips, measured)
    rows = [place for place in range(len(clips)) if place not in measured.errors]
    write_features((clips[row] for row in rows), measured.features[rows], out)
    typer.echo(f"{out}: {len(rows):,} clips, {measured.features.shape[1]} features each")
    if measured.errors:
        raise typer.Exit(measured.errors[min(measured.errors)].exit_code)


def _remark(clips: Clips, measured: Measured) -> None:
    """Name on standard error the clips that failed or are silent; raise an error if all failed."""
    if len(measured.errors) == len(clips):
        raise AudioError(f"none of the {len(clips):,} clips can be read; the first: {measured.errors[0]}")
    for error in measured.errors.values():
        typer.echo(f"hearfelt: {error}", err=True)
    for place in measured.silent:
        typer.echo(
            f"hearfelt: {clips[place].root / clips[place].name}: silent where it is measured; its row is kept", err=True
        )
