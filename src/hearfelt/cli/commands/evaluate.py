"""Evaluation: ``hearfelt evaluate`` and ``hearfelt protocols``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hearfelt.cli.cluster import device_with, executor_on, meant_everywhere
from hearfelt.cli.display.progress import progress
from hearfelt.cli.options import (
    CorpusOption,
    DeviceOption,
    DropOption,
    EncoderOption,
    FormatOption,
    JobsOption,
    OutOption,
    RayOption,
    SeedsOption,
    TableOrJsonOption,
    examples,
    expanded,
    parse_corpora,
    parse_encoders,
    parse_names,
    remark,
)

if TYPE_CHECKING:
    from hearfelt.evaluation.results import Results
    from hearfelt.evaluation.segment_results import SegmentResults

__all__ = ["add_to"]

_Where = tuple[str | None, int | None]  # a Ray cluster, and the most tasks at once
_Split = tuple[tuple[str, ...], int | None]  # emotions to drop, and how many folds


def add_to(app: typer.Typer) -> None:
    """Add the commands ``evaluate`` and ``protocols``."""
    app.command(
        "evaluate",
        epilog=examples(
            "hearfelt evaluate recipes/svm.toml -p emobox-ravdess -c ravdess=~/ravdess -o results/emobox-ravdess/svm",
            "hearfelt evaluate recipes/classic.toml -p by-speaker --folds 10 --seeds 3 -c emodb=~/emodb -o runs/mine",
            "hearfelt evaluate recipes/svm.toml -p by-speaker -c ravdess=~/ravdess -o runs/svm --ray auto",
            "hearfelt evaluate --model classic -p by-speaker -c folder=~/mine -o runs/mine   # no training",
        ),
    )(_evaluate)
    app.command(
        "protocols", epilog=examples("hearfelt protocols", "hearfelt protocols --format json   # with descriptions")
    )(_protocols)


def _evaluate(
    recipe: Annotated[
        Path | None, typer.Argument(metavar="RECIPE", help="A recipe to train for every fold.", callback=expanded)
    ] = None,
    *,
    protocol: Annotated[
        str,
        typer.Option("--protocol", "-p", metavar="NAME", help="Evaluation protocol; hearfelt protocols lists them."),
    ],
    corpus: CorpusOption,
    out: OutOption,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="NAME|FILE", help="A finished model to evaluate instead of a recipe."),
    ] = None,
    seeds: SeedsOption = 1,
    drop: DropOption = [],  # noqa: B006  # typer reads it and never changes it
    folds: Annotated[int | None, typer.Option("--folds", min=2, help="Number of folds for by-speaker.")] = None,
    jobs: JobsOption = None,
    encoder: EncoderOption = [],  # noqa: B006
    device: DeviceOption = "auto",
    ray: RayOption = None,
    format: TableOrJsonOption = "table",
) -> None:
    """Evaluate a recipe, or a finished model, on clips that were not used for training.

    A recipe is trained for every fold and seed, in parallel, and the exported files predict the test clips; an
    interrupted run continues when the command is repeated. A finished model is evaluated as it is. Give a recipe or
    --model, exactly one. A split with a speaker or a sound on both sides is refused, except if the protocol is listed
    as leaky, and then every output says so. With --ray each fold and seed is a task of a cluster; recordings must lie
    at the same path on every machine, and --jobs is the most tasks at once.
    """
    if (recipe is None) == (model is None):
        raise typer.BadParameter("give a recipe or --model NAME|FILE, exactly one of them")
    split = (parse_names(drop), folds)
    results: Results | SegmentResults
    if recipe is not None:
        how = {"seeds": seeds, "drop": split[0], "folds": split[1], "device": device_with(ray, device)}
        results = _train_and_test(recipe, protocol, corpus, encoder, (ray, jobs), out, **how)
    elif ray is not None:
        raise typer.BadParameter("a finished model is not trained, so --ray has nothing to do", param_hint="--ray")
    elif seeds != 1:
        raise typer.BadParameter("a finished model is not trained, so there is one seed, 0", param_hint="--seeds")
    else:
        results = _test(str(model), protocol, corpus, out, split, jobs)
    _show(results, format)


def _train_and_test(
    recipe: Path, protocol: str, corpus: list[str], encoder: list[str], where: _Where, out: Path, **how: Any
) -> Results:
    from hearfelt.corpora.catalog import read_corpora
    from hearfelt.errors import require
    from hearfelt.evaluation.protocols import protocol_called
    from hearfelt.training.recipe import read_recipe

    ray, jobs = where
    corpora, encoders = parse_corpora(corpus), parse_encoders(encoder)
    if ray is not None:
        corpora, encoders = meant_everywhere(corpora), meant_everywhere(encoders)
    chosen, wanted = protocol_called(protocol), read_recipe(recipe)
    clips = read_corpora(corpora, with_unfit=True, remark=remark)
    require("torch", "train")
    from hearfelt.training.experiment import ExperimentOptions, run_experiment
    from hearfelt.training.frames import EncoderFiles

    options = ExperimentOptions(**how, encoder_files=EncoderFiles(**encoders), jobs=jobs if ray is None else None)
    with executor_on(ray, jobs) as executor:
        return run_experiment(wanted, chosen, clips, out, options, progress=progress, executor=executor)


def _test(
    model: str, protocol: str, corpus: list[str], out: Path, split: _Split, jobs: int | None
) -> Results | SegmentResults:
    from hearfelt.corpora.catalog import read_corpora
    from hearfelt.evaluation.evaluate import evaluate_model
    from hearfelt.evaluation.protocols import protocol_called
    from hearfelt.inference.recognizer import Recognizer, model_path

    chosen, recognizer = protocol_called(protocol), Recognizer.load(model, threads=1)
    clips = read_corpora(parse_corpora(corpus), with_unfit=True, remark=remark)
    drop, folds = split
    plan = chosen.plan(clips, drop=drop, folds=folds, card=recognizer.card)
    size = model_path(model).stat().st_size
    if chosen.recordings:
        from hearfelt.evaluation.segment_results import RECORDINGS, evaluate_recordings

        with progress("recognizing recordings", RECORDINGS) as done:
            return evaluate_recordings(recognizer, plan, out, jobs=jobs, progress=done, size=size)
    with progress("recognizing clips", sum(len(fold.test) for fold in plan.folds)) as done:
        return evaluate_model(recognizer, plan, out, jobs=jobs, progress=done, size=size)


def _show(results: Results | SegmentResults, format: Literal["table", "json"]) -> None:
    from hearfelt.cli.display.evaluation import print_results, print_segment_results
    from hearfelt.errors import ExtraMissingError, require
    from hearfelt.evaluation.segment_results import SegmentResults

    if isinstance(results, SegmentResults):
        if format == "table":
            print_segment_results(results)
        else:
            from hearfelt.cli.display.output import print_json

            print_json(dict(results.summary))
        return
    try:
        require("matplotlib", "plots")
        from hearfelt.reports.evaluation import write_report

        report = str(write_report(results))
    except ExtraMissingError as error:  # the scores are written; only the report is not
        report = f"none: {error}"
    if format == "json":
        from hearfelt.cli.display.output import print_json

        print_json(dict(results.summary))
    else:
        print_results(results, report)


def _protocols(format: FormatOption = "table") -> None:
    """List the evaluation protocols: corpus, folds, and whether they are leaky."""
    from hearfelt.cli.display.evaluation import protocol_rows
    from hearfelt.cli.display.output import print_rows

    print_rows(protocol_rows(described=format != "table"), format)
