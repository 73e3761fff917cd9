"""The commands about corpora: ``hearfelt corpora list`` and ``check``, and ``hearfelt clips``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hearfelt.cli.commands import getting
from hearfelt.cli.options import AsOption, Format, FormatOption, TableOrJsonOption, examples, expanded, progress, remark

if TYPE_CHECKING:
    from hearfelt.corpora.check import CorpusCheck

__all__ = ["add_to"]

FolderArgument = Annotated[
    Path,
    typer.Argument(metavar="PATH", help="The folder of a corpus, or a table.", callback=expanded),
]


def add_to(app: typer.Typer) -> None:
    """Add the group ``corpora`` and the command ``clips``."""
    corpora = typer.Typer(
        name="corpora",
        help="Recordings to learn from and to measure on: which there are, bring one, check a copy.",
        no_args_is_help=True,
        rich_markup_mode="rich",
    )
    corpora.command("list", epilog=examples("hearfelt corpora list", "hearfelt corpora list --format json"))(_list)
    getting.add_to(corpora)
    corpora.command(
        "check",
        epilog=examples(
            "hearfelt corpora check ~/ravdess",
            "hearfelt corpora check ~/speech --channel speech   # a copy of one half",
            "hearfelt corpora check ~/mine --as folder          # whatever its files are called",
            "hearfelt corpora check ~/mine --as folder:2        # labels are on the second level of folders",
            "hearfelt corpora check ~/ravdess --format json     # for another program",
        ),
    )(_check)
    app.add_typer(corpora)
    app.command(
        "clips",
        epilog=examples(
            "hearfelt clips ~/ravdess --out clips.csv",
            "hearfelt clips ~/mine/table.csv              # printed",
        ),
    )(_clips)


def _list(format: FormatOption = "table") -> None:
    """Show which corpora hearfelt reads: what each is, its licence, size and speakers."""
    from hearfelt.cli.display.corpora import print_corpora

    print_corpora(format)


def _check(
    path: FolderArgument,
    name: AsOption = None,
    channel: Annotated[
        Literal["speech", "song"] | None, typer.Option("--channel", help="Check a copy of this half alone.")
    ] = None,
    format: TableOrJsonOption = "table",
) -> None:
    """Check whether a copy of a corpus is whole and sound.

    Clips are counted against what was published, and every file is heard once.
    Copies, strangers, silent, clipped and odd files are named. The exit code is
    0 if the copy is complete, else 4; known oddities of a corpus and another
    sampling rate are named and are no fault.
    """
    from hearfelt.corpora.catalog import read_folder
    from hearfelt.corpora.check import check_folder
    from hearfelt.errors import CorpusError

    found = read_folder(path, name)
    with progress("hearing clips", len(found.names)) as done:
        check = check_folder(found, channel, progress=done)
    _print_check(check, format)
    if not check.complete:
        what = f"no complete {check.corpus}" if check.published else "not in order"
        raise CorpusError(f"{path}: {what}: {'; '.join(check.faults)}")


def _print_check(check: CorpusCheck, format: Format) -> None:
    if format == "json":
        from hearfelt.cli.display.output import print_json

        print_json(check.to_dict())
    else:
        from hearfelt.cli.display.corpora import print_check

        print_check(check)


def _clips(
    path: FolderArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Where to write.", callback=expanded, show_default="printed"),
    ] = None,
    name: AsOption = None,
) -> None:
    """List the clips of a corpus as CSV, one row a clip: who speaks, which emotion, what else is known.

    Second copies, strangers and clips that nobody should learn from are left
    out; hearfelt corpora check names them.
    """
    from hearfelt.cli.display.output import print_csv_row
    from hearfelt.corpora.catalog import read_corpus
    from hearfelt.corpora.clips import clip_columns

    clips = read_corpus(path, name, remark=remark)
    if out is None:
        columns = clip_columns(clips)
        print_csv_row(columns)
        for clip in clips:
            print_csv_row(getattr(clip, column) for column in columns)
    else:
        clips.write(out)
        typer.echo(f"{out}: {len(clips):,} clips of {len(clips.speakers):,} speakers")
