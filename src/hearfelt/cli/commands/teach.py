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
        from hearfelt.cli.display.evaluation import print_finetuned

        print_finetuned(model)
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
    from hearfelt.reports.formatting import many

    for reason, files in training_set.left_out.items():
        print(f"left out: {many(len(files), 'file')}, {reason}", file=sys.stderr)
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
