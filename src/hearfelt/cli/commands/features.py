"""The command that writes the table of the 162 classic features: ``hearfelt features``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hearfelt.cli.options import AsOption, JobsOption, examples, expanded, progress, remark
from hearfelt.errors import AudioError, exit_code

if TYPE_CHECKING:
    from hearfelt.corpora.clips import Clips
    from hearfelt.features.table import Measured

__all__ = ["add_to"]

_EPILOG = examples(
    "hearfelt features ~/ravdess --out features.csv",
    "hearfelt features ~/ravdess --out features.parquet     # smaller, needs the extra parquet",
    "hearfelt features ~/mine --as folder --out mine.csv    # a folder for each emotion",
)


def add_to(app: typer.Typer) -> None:
    """Add the command ``features``."""
    app.command("features", epilog=_EPILOG)(_features)


def _features(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The folder of a corpus.", callback=expanded)],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE.csv|.parquet", help="The table.", callback=expanded)
    ],
    name: AsOption = None,
    jobs: JobsOption = None,
) -> None:
    """Measure the 162 classic features of each clip and write them as a table.

    They are chroma, MFCC, zero-crossing rate, mel spectrum and loudness, from
    0.6 s on for 2.5 s; a short clip is measured from further ahead. A row is
    clip, speaker, emotion, then the features. What was measured is remembered
    until the file changes. A clip that cannot be read is named, the others go
    on, and the exit code is 3; a silent clip is named and kept.
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
        raise typer.Exit(exit_code(measured.errors[min(measured.errors)]))


def _remark(clips: Clips, measured: Measured) -> None:
    """Name on standard error the clips that failed or are silent; if all failed, that is the answer."""
    if len(measured.errors) == len(clips):
        raise AudioError(f"none of the {len(clips):,} clips can be read; the first: {measured.errors[0]}")
    for error in measured.errors.values():
        typer.echo(f"hearfelt: {error}", err=True)
    for place in measured.silent:
        typer.echo(
            f"hearfelt: {clips[place].root / clips[place].name}: silent where it is measured; its row is kept", err=True
        )
