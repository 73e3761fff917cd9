"""Commands about corpora: ``hearfelt corpora list``, ``get`` and ``check``, and ``hearfelt clips``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hearfelt.cli.display.progress import progress
from hearfelt.cli.options import (
    MARKUP,
    AsOption,
    FolderArgument,
    Format,
    FormatOption,
    TableOrJsonOption,
    examples,
    expanded,
    remark,
)

if TYPE_CHECKING:
    from hearfelt.corpora.check import CorpusCheck
    from hearfelt.corpora.download import Downloaded

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the group ``corpora`` and the command ``clips``."""
    corpora = typer.Typer(
        name="corpora",
        help="Recordings for training and evaluation: list, download and check corpora.",
        no_args_is_help=True,
        rich_markup_mode=MARKUP,
    )
    corpora.command("list", epilog=examples("hearfelt corpora list", "hearfelt corpora list --format json"))(_list)
    corpora.command("get", epilog=_GET_EXAMPLES)(_get)
    corpora.command(
        "check",
        epilog=examples(
            "hearfelt corpora check ~/ravdess",
            "hearfelt corpora check ~/speech --channel speech   # one half only",
            "hearfelt corpora check ~/mine --as folder          # any file names",
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
    """List the corpora that hearfelt reads, with licence, size and speakers."""
    from hearfelt.cli.display.corpora import print_corpora

    print_corpora(format)


def _check(
    path: FolderArgument,
    name: AsOption = None,
    channel: Annotated[
        Literal["speech", "song"] | None, typer.Option("--channel", help="Check this half only.")
    ] = None,
    format: TableOrJsonOption = "table",
) -> None:
    """Check whether a copy of a corpus is complete and undamaged.

    Clips are counted against the published numbers, and every file is decoded once. Duplicates, unknown files, and
    silent, clipped and unusual files are named. The exit code is 0 if the copy is complete, else 4; known oddities of a
    corpus and another sampling rate are named, but are no fault.
    """
    from hearfelt.corpora.catalog import read_folder
    from hearfelt.corpora.check import check_folder
    from hearfelt.errors import CorpusError

    found = read_folder(path, name)
    with progress("checking clips", len(found.names)) as done:
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
        typer.Option("--out", "-o", metavar="FILE", help="File to write.", callback=expanded, show_default="printed"),
    ] = None,
    name: AsOption = None,
) -> None:
    """List the clips of a corpus as CSV, one row a clip, with speaker, emotion and more.

    Duplicates, unknown files and clips unfit for training are left out; hearfelt corpora check names them.
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


_GET_EXAMPLES = examples(
    "hearfelt corpora get ravdess ~/ravdess                    # speech and song, 434 MB",
    "hearfelt corpora get ravdess ~/ravdess --channel speech   # half of it",
    "hearfelt corpora get ravdess ~/few --actors 1,2           # only two actors, 40 MB",
    "hearfelt corpora get toy toy                              # synthetic voices",
)


def _get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="ravdess, or toy for a synthetic one.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write to.", callback=expanded)],
    channel: Annotated[
        Literal["speech", "song", "both"] | None,
        typer.Option("--channel", help="Half of RAVDESS to get.", show_default="both"),
    ] = None,
    actors: Annotated[
        str | None,
        typer.Option("--actors", metavar="1,2,…", help="Get only these actors.", show_default="all 24"),
    ] = None,
) -> None:
    """Download a corpus into a folder, verified and unpacked.

    If it is stopped, the same command resumes; if everything is there, it does nothing. Downloading takes the
    extra "download". HEARFELT_ZENODO may name a mirror that holds the zips.
    """
    from hearfelt.corpora.download import get_corpus

    got = get_corpus(name, folder, channel=channel, actors=actors, progress=progress)
    for line in _result_lines(name, got):
        typer.echo(line)


def _result_lines(name: str, got: Downloaded) -> list[str]:
    clips = " and ".join(
        f"{count:,} clips of {channel}" if name == "ravdess" else f"{count:,} clips"
        for channel, count in got.clips.items()
    )
    how = f"{got.fetched / 1e6:,.0f} MB fetched, verified" if got.fetched else "nothing had to be fetched"
    lines = [f"{clips} in {got.folder} ({how})." if name == "ravdess" else f"{clips} in {got.folder} (synthetic)."]
    if name == "ravdess":
        lines.append("RAVDESS: CC BY-NC-SA 4.0, Livingstone and Russo 2018, doi.org/10.5281/zenodo.1188976")
    if got.songless:
        lines.append("Actor 18 did not sing: RAVDESS has only the speech of that actor.")
    check = f"hearfelt corpora check {shlex.quote(str(got.folder))}"
    half = f" --channel {next(iter(got.clips))}" if name == "ravdess" and len(got.clips) == 1 else ""
    lines.append(f"Next: {check}{half}" + ("   (it will name the other actors as missing)" if got.partial else ""))
    return lines
