"""``hearfelt batch``: which emotion is heard in many files, as one table."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from hearfelt.cli.options import ModelOption, RayOption, TrackOption, examples

if TYPE_CHECKING:
    from hearfelt.batch.job import Job, Outcome
    from hearfelt.batch.progress import Watcher

__all__ = ["add_to"]

_LOG_EVERY_S: Final = 30.0  # a line, where standard error is no terminal


def add_to(app: typer.Typer) -> None:
    """Add the command ``batch``."""
    app.command(
        "batch",
        epilog=examples(
            "hearfelt batch recordings/ --out emotions.csv",
            "hearfelt batch 'calls/*/*.wav' --out emotions.parquet",
            "hearfelt batch calls.csv --out emotions.jsonl        # a sound in each row",
            "hearfelt batch clips.csv --root ~/ravdess --out emotions.csv",
            "hearfelt batch recordings/ --out segments.csv --timeline",
            "hearfelt batch s3://calls/ --out s3://answers/emotions.parquet",
            "hearfelt batch s3://calls/ --out s3://answers/emotions.parquet --ray auto",
        ),
    )(_batch)


def _batch(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Sound files, folders, patterns in quotes, tables (.csv, .tsv, .txt, .parquet) with a column path,"
            " file, clip or source, or addresses such as s3://calls/.",
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out", "-o", metavar="FILE", help="The table to write: .parquet, .csv or .jsonl, here or s3://."
        ),
    ],
    model: ModelOption = None,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="A row for each segment of speech, with its start and end.")
    ] = False,
    channels: Annotated[
        Literal["mix", "separate"],
        typer.Option("--channels", help="With --timeline: all channels mixed, or each by itself."),
    ] = "mix",
    track: TrackOption = None,
    root: Annotated[
        str | None,
        typer.Option(
            "--root", metavar="DIR", help="Where paths in tables start.", show_default="each table's own folder"
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", "-w", min=1, help="How many processes work.", show_default="one for each core"),
    ] = None,
    ray: RayOption = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Throw away what an interrupted run has done, and begin anew.")
    ] = False,
) -> None:
    """Answer many sound files, and write one table: a row for each, in their order.

    Interrupted in any way, the same command goes on where it stopped. Until the table
    is whole, what is done lies beside it in a folder that ends in .parts.

    Columns start and end of a table, in seconds, cut parts out of sounds.
    A file that cannot be answered is a row with an error; the exit code is 3 only if
    no file could be answered. Columns: source, emotion, confidence, a probability for
    each emotion, unsure, model, duration_s, warnings, error; parts of sounds add start_s,
    end_s, and --timeline channel, start_s, end_s.
    """
    from hearfelt.batch.job import Job, run_job

    job = Job(tuple(inputs), out, model, timeline, channels, track, root)
    try:
        with _watching() as watcher:
            outcome = run_job(job, workers=workers, ray=ray, fresh=fresh, watcher=watcher)
    except KeyboardInterrupt:
        _say("what is done stays, and the same command goes on with it")
        raise
    _report(job, outcome)


def _report(job: Job, outcome: Outcome) -> None:
    from hearfelt.corpora.tables import is_table

    out = job.out
    if outcome.rows is None or outcome.failed is None:
        typer.echo(f"{out}: was complete already; run it again to answer everything anew")
        return
    before = f", {outcome.done_before:,} of them before" if outcome.done_before else ""
    failed = f"; {outcome.failed:,} with an error" if outcome.failed else ""
    rows = "1 row" if outcome.rows == 1 else f"{outcome.rows:,} rows"
    sounds = "1 sound" if outcome.sources == 1 else f"{outcome.sources:,} sounds"
    typer.echo(f"{out}: {rows} for {sounds}{before}{failed}")
    if outcome.failed == outcome.rows:
        if any(map(is_table, job.inputs)) and job.root is None:
            _say("paths in a table start at the table's folder; --root names another one")
        from hearfelt.errors import AudioError, exit_code

        raise typer.Exit(exit_code(AudioError()))


@contextmanager
def _watching() -> Iterator[Watcher]:
    if not sys.stderr.isatty():
        yield _logged()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _shown(bar)


def _logged() -> Watcher:
    from hearfelt.batch.progress import Watcher

    class Lines(Watcher):
        def __init__(self) -> None:
            self.pace, self.told_s = _Pace(), time.monotonic()

        def remark(self, sentence: str) -> None:
            _say(sentence)

        def begin(self, sources: int, seconds: float, *, done: int, done_seconds: float) -> None:
            self.pace.begin(sources, seconds, done, done_seconds)
            _say(
                ("1 sound" if sources == 1 else f"{sources:,} sounds")
                + (f", {done:,} of them were answered before" if done else "")
            )

        def answered(self, sources: int, seconds: float) -> None:
            self.pace.add(sources, seconds)
            if time.monotonic() - self.told_s >= _LOG_EVERY_S:
                self.told_s = time.monotonic()
                _say(self.pace.sentence())

    return Lines()


def _shown(bar: Any) -> Watcher:
    from hearfelt.batch.progress import Watcher

    task = bar.add_task("listing sounds", total=None, rate="")

    class Bar(Watcher):
        def __init__(self) -> None:
            self.pace = _Pace()

        def remark(self, sentence: str) -> None:
            bar.console.print(f"hearfelt: {sentence}", markup=False, highlight=False)

        def listed(self, count: int) -> None:
            bar.update(task, rate=f"{count:,}")

        def begin(self, sources: int, seconds: float, *, done: int, done_seconds: float) -> None:
            self.pace.begin(sources, seconds, done, done_seconds)
            bar.reset(task, description="answering", total=max(seconds, 1e-9), completed=done_seconds, rate="")

        def answered(self, sources: int, seconds: float) -> None:
            self.pace.add(sources, seconds)
            bar.update(task, advance=seconds, rate=self.pace.rate())

        def assembling(self) -> None:
            bar.update(task, description="writing the table", rate="")

    return Bar()


class _Pace:
    """How fast it goes: sounds a second since the beginning, and what that means for the rest."""

    def begin(self, sources: int, seconds: float, done: int, done_seconds: float) -> None:
        self.sources, self.seconds, self.done, self.done_seconds = sources, seconds, done, done_seconds
        self.began_s, self.before, self.before_seconds = time.monotonic(), done, done_seconds

    def add(self, sources: int, seconds: float) -> None:
        self.done, self.done_seconds = self.done + sources, self.done_seconds + seconds

    def rate(self) -> str:
        a_second = (self.done - self.before) / max(1e-6, time.monotonic() - self.began_s)
        return f"{self.done:,} of {self.sources:,}, {a_second:,.1f} a second"

    def sentence(self) -> str:
        spent_s, worked = time.monotonic() - self.began_s, self.done_seconds - self.before_seconds
        left = (self.seconds - self.done_seconds) * spent_s / worked if worked else 0.0
        return f"{self.rate()}, about {_duration(left)} left"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "a minute" if seconds > 30 else f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _say(sentence: str) -> None:
    print(f"hearfelt: {sentence}", file=sys.stderr, flush=True)
