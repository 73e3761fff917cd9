"""``hearfelt teach``: adapt a model to your own labels, in seconds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearfelt.cli.display.progress import progress
from hearfelt.cli.options import TableOrJsonOption, examples, expanded

if TYPE_CHECKING:
    from hearfelt.finetuning.finetune import FinetunedModel
    from hearfelt.finetuning.training_set import FinetuningSet

__all__ = ["add_to"]

_NAMED = 10  # files named of each kind that is left out


def add_to(app: typer.Typer) -> None:
    """Add the command ``teach``."""
    app.command(
        "teach",
        epilog=examples(
            "hearfelt teach mine/ --out mine.onnx    # a folder for each label",
            "hearfelt teach mine/ --out mine.onnx --speakers who.csv",
            "hearfelt teach mine/ --out mine.onnx --speaker-pattern '(anna|ben)_'",
            "hearfelt recognize clip.wav --model mine.onnx",
        ),
    )(_teach)


def _teach(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", callback=expanded, help="A folder for each label, or a table with path, emotion, speaker."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE.onnx", callback=expanded, help="The new model file.")
    ],
    base: Annotated[
        str, typer.Option("--base", "-b", metavar="NAME|FILE", help="A model that takes sound, to build on.")
    ] = "hearfelt",
    speakers: Annotated[
        Path | None,
        typer.Option("--speakers", metavar="FILE.csv", callback=expanded, help="Speakers: a table with path, speaker."),
    ] = None,
    speaker_pattern: Annotated[
        str | None,
        typer.Option("--speaker-pattern", metavar="REGEX", help="Finds the speaker in each clip's path below DIR."),
    ] = None,
    read_as: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="NAME",
            help="Read DIR as this corpus; folder takes labels from folder names, folder:2 from those on level 2.",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE.html", callback=expanded, help="Also write the scores as a page."),
    ] = None,
    format: TableOrJsonOption = "table",
) -> None:
    """Adapt a finished model to your own labels.

    DIR holds a folder for each label with ten clips or more. The base model stays as it is; only a linear head on top
    of it is trained, so this takes seconds, needs no torch, and gives one file that works like any other model.

    The scores come from clips that were not used for training, and of unseen speakers if you say who speaks. Without
    that they are by clip, and too high.
    """
    from hearfelt.errors import require
    from hearfelt.finetuning.finetune import finetune
    from hearfelt.finetuning.training_set import read_finetuning_set

    require("onnx", "teach")
    if report is not None:
        _need_reports()
    with progress("reading clips", None) as done:
        training_set = read_finetuning_set(
            folder, corpus=read_as, speakers=speakers, speaker_pattern=speaker_pattern, progress=done
        )
    for remark in training_set.remarks:
        print(remark, file=sys.stderr)
    model = finetune(training_set, out, base=base, progress=progress)
    _report_left_out(model.training_set)
    for warning in model.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if format == "json":
        from hearfelt.cli.display.output import print_json

        print_json(_as_json(model))
    else:
        _print_table(model)
    if report is not None:
        _write_report(model, report)


def _need_reports() -> None:
    from hearfelt.errors import require

    require("matplotlib", "plots")


def _write_report(model: FinetunedModel, path: Path) -> None:
    from hearfelt.reports.evaluation import write_teaching_report

    curve = [(point.share, point.clips, point.uar) for point in model.validation.curve]
    write_teaching_report(path, model.card, model.evaluation, curve, warnings=model.warnings)
    print(f"{path}", file=sys.stderr)


def _report_left_out(training_set: FinetuningSet) -> None:
    from hearfelt.cli.display.output import printable

    for reason, files in training_set.left_out.items():
        print(f"left out: {_many(len(files), 'file')}, {reason}", file=sys.stderr)
        for file in files[:_NAMED]:
            print(f"  {printable(file)}", file=sys.stderr)
        if len(files) > _NAMED:
            print(f"  … and {len(files) - _NAMED:,} more", file=sys.stderr)


def _as_json(model: FinetunedModel) -> dict[str, Any]:
    from hearfelt.evaluation.metrics import per_class

    evaluation, card = model.evaluation, model.card
    figures = per_class(evaluation.confusion, evaluation.emotions)
    speakers = len(model.training_set.clips.speakers) if model.training_set.speakers_are_known else None
    return {
        "model": str(model.path),
        "base": card.recipe["base"],
        "labels": list(card.labels),
        "clips": len(model.training_set.clips),
        "speakers": speakers,
        "scored_by": model.grouping.by,
        "folds": len(evaluation.runs),
        **model.figures,
        "per_label": {
            one.emotion: {"clips": one.support, "recall": one.recall, "precision": one.precision} for one in figures
        },
        "confusion": evaluation.confusion.tolist(),
        "learning_curve": [
            {"share": point.share, "clips": point.clips, "uar": point.uar} for point in model.validation.curve
        ],
        "unsure_below": card.unsure_below,
        "temperature": card.temperature,
        "left_out": {reason: list(files) for reason, files in model.training_set.left_out.items()},
        "warnings": list(model.warnings),
    }


def _print_table(model: FinetunedModel) -> None:
    from rich.markup import escape

    from hearfelt.cli.display.output import console, megabytes, printable

    card, clips, figures = model.card, model.training_set.clips, model.figures
    screen = console()
    size = megabytes(model.path.stat().st_size)
    screen.print(f"[bold]{escape(printable(str(model.path)))}[/bold]  [dim]{size}[/dim]", soft_wrap=True)
    known = model.training_set.speakers_are_known
    who = _many(len(clips.speakers), "speaker") if known else "unknown speakers"
    screen.print(f"trained on  {_many(len(clips), 'clip')} of {who}, {len(card.labels)} labels", soft_wrap=True)
    screen.print(
        f"by {model.grouping.by:8} UAR {figures['uar']:.1%}{_between(model)}, accuracy {figures['accuracy']:.1%}"
        f" [dim](by chance: UAR {1 / len(card.labels):.1%})[/dim]",
        soft_wrap=True,
    )
    points = [f"{point.uar:.1%} from {point.clips:,}" for point in model.validation.curve]
    screen.print(f"learning    UAR {', '.join(points)} clips{_rising(model)}", soft_wrap=True)
    _print_confusion(model)
    screen.print(f"Try it:  hearfelt recognize clip.wav --model {escape(str(model.path))}", soft_wrap=True)


def _between(model: FinetunedModel) -> str:
    """Give the confidence interval over speakers."""
    from hearfelt.evaluation.metrics import bootstrap_by_speaker

    intervals = bootstrap_by_speaker(model.evaluation.confusions) if model.grouping.by == "speaker" else None
    if intervals is None:
        return ""
    low, high = intervals["uar"]
    return f" [dim](95 %: {low:.1%} to {high:.1%})[/dim]"


def _rising(model: FinetunedModel) -> str:
    """Say whether more clips would probably help."""
    *_, before, last = model.validation.curve
    return "; still rising, so more clips should help" if last.uar - before.uar >= 0.01 else ""


def _print_confusion(model: FinetunedModel) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.markup import escape
    from rich.table import Table

    from hearfelt.cli.display.output import console, printable
    from hearfelt.emotions import look_of
    from hearfelt.evaluation.metrics import per_class

    evaluation = model.evaluation
    table = Table(title="Predicted label (columns) for each true label (rows)", title_justify="left", box=SIMPLE_HEAD)
    names = [printable(label) for label in evaluation.emotions]
    # Where the terminal is too narrow for the names above the columns, each row gets a number, and columns those.
    needed = sum(3 + max(4, cell_len(name)) for name in [max(names, key=cell_len), *names, "recall"]) + 2
    is_narrow = needed > console().width
    table.add_column("label", no_wrap=True)
    for number, name in enumerate(names, 1):
        table.add_column(str(number) if is_narrow else escape(name), justify="right", no_wrap=True)
    table.add_column("recall", justify="right", no_wrap=True)
    figures = per_class(evaluation.confusion, evaluation.emotions)
    for place, (one, counts) in enumerate(zip(figures, evaluation.confusion.tolist(), strict=True)):
        cells = [
            f"[bold]{count}[/bold]" if column == place else str(count or "·") for column, count in enumerate(counts)
        ]
        before = f"{place + 1:>{len(str(len(names)))}} " if is_narrow else ""
        name = f"{before}[{look_of(one.emotion).colour}]{escape(names[place])}[/]"
        table.add_row(name, *cells, f"{one.recall:.1%}")
    console().print(table)


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
