"""The command ``hearfelt corpora get``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hearfelt.cli.options import examples, expanded, progress

if TYPE_CHECKING:
    from hearfelt.corpora.download import Downloaded

__all__ = ["add_to"]

_EPILOG = examples(
    "hearfelt corpora get ravdess ~/ravdess                    # speech and song, 434 MB",
    "hearfelt corpora get ravdess ~/ravdess --channel speech   # half of it",
    "hearfelt corpora get ravdess ~/few --actors 1,2           # two actors alone, 40 MB",
    "hearfelt corpora get toy toy                              # synthetic voices, made in a second",
)


def add_to(corpora_app: typer.Typer) -> None:
    """Register the command with ``hearfelt corpora``."""
    corpora_app.command("get", epilog=_EPILOG)(_get)


def _get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="ravdess, or toy for one made by code.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to put it.", callback=expanded)],
    channel: Annotated[
        Literal["speech", "song", "both"] | None,
        typer.Option("--channel", help="Which half of RAVDESS.", show_default="both"),
    ] = None,
    actors: Annotated[
        str | None,
        typer.Option("--actors", metavar="1,2,…", help="Only these actors, fetched alone.", show_default="all 24"),
    ] = None,
) -> None:
    """Bring a corpus into a folder: downloaded, verified and unpacked.

    Stop it at any moment; the same command goes on where it stopped, and costs nothing once all is there.
    Downloading takes the extra "download". HEARFELT_ZENODO may name a mirror that holds the zips.
    """
    from hearfelt.corpora.download import get_corpus

    got = get_corpus(name, folder, channel=channel, actors=actors, progress=progress)
    for line in _lines(name, got):
        typer.echo(line)


def _lines(name: str, got: Downloaded) -> list[str]:
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
