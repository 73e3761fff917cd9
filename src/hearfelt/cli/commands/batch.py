"""``hearfelt batch``: the emotion in many files, as one table."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from hearfelt.cli.display.progress import bar
from hearfelt.cli.inputs import STANDARD_INPUT
from hearfelt.cli.options import ModelOption, RayOption, TrackOption, examples

if TYPE_CHECKING:
    from hearfelt.batch.job import Job, Outcome

__all__ = ["add_to"]

_LOG_EVERY_S: Final = 30.0  # one line, if standard error is no terminal


_InputsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT",
        help="Sound files, folders, patterns in quotes, tables (.csv, .tsv, .txt, .parquet) with a column path,"
        " file, clip or source, addresses such as s3://calls/, or - for a table that is piped in.",
    ),
]
_OutOption = Annotated[
    str,
    typer.Option("--out", "-o", metavar="FILE", help="The table to write: .parquet, .csv or .jsonl, here or s3://."),
]
_TimelineOption = Annotated[
    bool, typer.Option("--timeline", help="Write a row for each segment of speech, with its start and end.")
]
_ChannelsOption = Annotated[
    Literal["mix", "separate"],
    typer.Option("--channels", help="With --timeline: mix all channels, or analyse each by itself."),
]
_RootOption = Annotated[
    str | None,
    typer.Option(
        "--root",
        metavar="DIR",
        help="Folder that paths in tables are relative to.",
        show_default="each table's own folder, and of a piped one this folder",
    ),
]
_WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", "-w", min=1, help="How many processes work.", show_default="one for each core"),
]
_FreshOption = Annotated[bool, typer.Option("--fresh", help="Discard the work of an interrupted run, and start again.")]
_ReferenceOption = Annotated[
    str | None,
    typer.Option(
        "--reference",
        metavar="FILE|FOLDER|self",
        help="What is usual for these voices or this room: a file of hearfelt reference, a folder of recordings, or"
        " self: the sounds of each folder are their own reference.",
        show_default="no",
    ),
]
_ReferenceByOption = Annotated[
    str | None,
    typer.Option(
        "--reference-by",
        metavar="COLUMN",
        help="With --reference self: column of the tables that says which sounds belong together, such as speaker.",
        show_default="the folder of each sound",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the command ``batch``."""
    app.command(
        "batch",
        epilog=examples(
            "hearfelt batch recordings/ --out emotions.csv",
            "hearfelt batch 'calls/*/*.wav' --out emotions.parquet",
            "hearfelt batch calls.csv --out emotions.jsonl        # a sound in each row",
            "hearfelt clips ~/ravdess | hearfelt batch - --root ~/ravdess --out emotions.csv",
            "hearfelt batch recordings/ --out segments.csv --timeline",
            "hearfelt batch calls/ --out emotions.csv --reference self     # each folder its own",
            "hearfelt batch s3://calls/ --out s3://answers/emotions.parquet",
            "hearfelt batch s3://calls/ --out s3://answers/emotions.parquet --ray auto",
        ),
    )(_batch)


def _batch(
    inputs: _InputsArgument,
    out: _OutOption,
    model: ModelOption = None,
    timeline: _TimelineOption = False,
    channels: _ChannelsOption = "mix",
    track: TrackOption = None,
    root: _RootOption = None,
    reference: _ReferenceOption = None,
    reference_by: _ReferenceByOption = None,
    workers: _WorkersOption = None,
    ray: RayOption = None,
    fresh: _FreshOption = False,
) -> None:
    """Recognize the emotion in many sound files, and write one table with a row for each, in their order.

    If the run is interrupted in any way, the same command resumes it. Until the table is complete, finished work is in
    a folder beside it whose name ends in .parts.

    With --reference self, what is usual in each folder is found first, from all of its sounds, and then every sound is
    compared with that; each sound is read twice. docs/reference-recordings.md says when that helps.

    In a table of sounds, the columns start and end, in seconds, select parts of sounds. A file that cannot be
    recognized is a row with an error; the exit code is 3 only if no file could be recognized. Columns: source, emotion,
    confidence, a probability for each emotion, unsure, warnings, model, duration_s, error; parts of sounds add start_s,
    end_s, and --timeline adds channel, start_s, end_s.
    """
    from hearfelt.batch.job import SELF, Job, run_job

    if reference_by is not None and reference != SELF:
        raise typer.BadParameter("it is for --reference self", param_hint="--reference-by")
    known = reference if reference in (None, SELF) else _reference_json(reference, model)
    if STANDARD_INPUT in inputs and root is None:
        root = "."
    with _with_saved_table(inputs, out) as given:
        job = Job(tuple(given), out, model, timeline, channels, track, root, known, reference_by)
        try:
            outcome = run_job(
                job, workers=workers, ray=ray, fresh=fresh, progress=bar if sys.stderr.isatty() else _log_progress
            )
        except KeyboardInterrupt:
            _say("finished work is kept, and the same command resumes it")
            raise
    _report(job, outcome)


@contextmanager
def _with_saved_table(inputs: list[str], out: str) -> Iterator[list[str]]:
    """Save a table that is piped in beside the output, under a name that its content gives: so a job can be resumed."""
    if STANDARD_INPUT not in inputs:
        yield inputs
        return
    from hearfelt.cli.inputs import check_standard_input
    from hearfelt.runtime.files import path_given

    check_standard_input(inputs)
    content = sys.stdin.buffer.read()
    folder = Path() if "://" in out else path_given(out).parent
    table = folder / f"{PurePosixPath(out).name}.input-{hashlib.sha256(content).hexdigest()[:12]}.csv"
    table.write_bytes(content)
    try:
        yield [str(table) if one == STANDARD_INPUT else one for one in inputs]
    finally:
        table.unlink(missing_ok=True)


def _reference_json(given: str, model: str | None) -> str:
    from hearfelt.cli.inputs import read_reference
    from hearfelt.inference.recognizer import Recognizer
    from hearfelt.runtime.files import path_given

    return read_reference(path_given(given), Recognizer.load(model, threads=1)).to_json()  # the same each time


def _report(job: Job, outcome: Outcome) -> None:
    from hearfelt.corpora.tables import is_table

    out = job.out
    if outcome.rows is None or outcome.failed is None:
        typer.echo(f"{out}: was complete already; run the command again to recognize everything again")
        return
    before = f", {outcome.done_before:,} of them before" if outcome.done_before else ""
    failed = f"; {outcome.failed:,} with an error" if outcome.failed else ""
    rows = "1 row" if outcome.rows == 1 else f"{outcome.rows:,} rows"
    sounds = "1 sound" if outcome.sources == 1 else f"{outcome.sources:,} sounds"
    for remark in outcome.remarks:
        _say(remark)
    typer.echo(f"{out}: {rows} for {sounds}{before}{failed}")
    if outcome.failed == outcome.rows:
        if any(map(is_table, job.inputs)) and job.root is None:
            _say("paths in a table are relative to the table's folder; --root names another one")
        from hearfelt.errors import AudioError

        raise typer.Exit(AudioError.exit_code)


@contextmanager
def _log_progress(
    label: str, total: int | None = None, *, unit: Literal["items", "bytes"] = "items", done: int = 0
) -> Iterator[Callable[[int], None]]:
    """Write a line now and then, where there is no terminal for a bar."""
    if total is None:
        yield lambda count: None
        return
    began_s, said_s, now = time.monotonic(), time.monotonic(), done
    sounds = "1 sound" if total == 1 else f"{total:,} sounds"
    _say(f"{sounds}, {done:,} of them were done before" if done else sounds)

    def advance(count: int) -> None:
        nonlocal said_s, now
        now += count
        if time.monotonic() - said_s >= _LOG_EVERY_S:
            said_s = time.monotonic()
            per_second = (now - done) / (said_s - began_s)
            left = _duration((total - now) / per_second)
            _say(f"{now:,} of {total:,}, {per_second:,.1f} a second, about {left} left")

    yield advance


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "a minute" if seconds > 30 else f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _say(sentence: str) -> None:
    print(f"hearfelt: {sentence}", file=sys.stderr, flush=True)
