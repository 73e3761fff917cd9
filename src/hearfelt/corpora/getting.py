"""Which corpora can be got by their name, and how: what ``hearfelt corpora get`` does."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Final

from hearfelt.corpora.download import WORK, Channel, Got, Meter, get_ravdess
from hearfelt.errors import CorpusError

__all__ = ["get_corpus", "parse_actors"]

_RANGE: Final = re.compile(r"(\d{1,2})(?:\s*[-–]\s*(\d{1,2}))?")


def get_corpus(
    name: str,
    folder: Path,
    *,
    channel: Channel | None = None,
    actors: str | None = None,
    progress: Meter | None = None,
) -> Got:
    """Bring a corpus into a folder by its name.

    Args:
        name: ``"ravdess"`` or ``"toy"``; the others have to be fetched by hand.
        folder: where to; made when it isn't there.
        channel: of RAVDESS; None for both.
        actors: of RAVDESS, such as ``"1,2,5-8"``; None for all.
        progress: makes a progress bar for each step.

    Returns:
        What is in the folder now.

    Raises:
        CorpusError: if the corpus is unknown or cannot be fetched, or has no such channel or actor.
        DownloadError: if it did not arrive.
    """
    if name == "ravdess":
        chosen = None if actors is None else parse_actors(actors)
        return get_ravdess(folder, channel=channel or "both", actors=chosen, progress=progress)
    if name == "toy":
        if channel is not None or actors is not None:
            raise CorpusError("toy: --channel and --actors are for ravdess; the toy comes whole")
        return _get_toy(folder)
    raise CorpusError(_elsewhere(name))


def parse_actors(text: str) -> frozenset[int]:
    """Read actor numbers: single ones and ranges, with commas between.

    Raises:
        CorpusError: if it says anything else.

    Example:
        >>> sorted(parse_actors("1, 2,5-7"))
        [1, 2, 5, 6, 7]
    """
    actors: set[int] = set()
    for piece in text.split(","):
        match = _RANGE.fullmatch(piece.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            raise CorpusError(f"actors {text!r}: write numbers from 1 to 24 and ranges, such as 1,2 or 1-4,7")
        actors.update(range(first, last + 1))
    return frozenset(actors)


def _get_toy(folder: Path) -> Got:
    from hearfelt.corpora.toy import write_toy  # not above: it needs soundfile, the download does not

    if folder.exists() and not folder.is_dir():
        raise CorpusError(f"{folder}: this is a file; a folder is wanted here")
    made = folder / WORK / "toy"  # written aside and moved, so that no half file has a clip's name
    write_toy(made)
    clips = sorted(made.iterdir())
    for clip in clips:
        clip.replace(folder / clip.name)
    made.rmdir()
    if not any(made.parent.iterdir()):
        made.parent.rmdir()
    return Got(folder, {"speech": len(clips)})


def _elsewhere(name: str) -> str:
    from hearfelt.corpora.catalog import FORMS

    if name in FORMS:
        form = FORMS[name]
        if not form.url:
            return f"{name}: that is what your own recordings are called; there is nothing to get"
        return (
            f"{name}: it is published at {form.url} ({form.licence}); hearfelt reads it but does not fetch it: "
            "unpack it anywhere and give that folder to the other commands"
        )
    near = difflib.get_close_matches(name.casefold(), ["ravdess", "toy", *FORMS], n=1)
    hint = f"did you mean {near[0]}?" if near else "get knows ravdess and toy"
    return f"{name}: no such corpus; {hint}"
